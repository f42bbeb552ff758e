"""Data accuracy of a night (数据准确率): the share of records taken in, per table and per KPI's own inputs.

Each file of some size is judged where it lands (landing/accounting.py). Many small files may hide from that, and so
may a KPI that counts on several tables: both are judged here, by the same target and the same least size.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from data_checks.gate import EXPORTS, CheckResult
from data_checks.rules import rules
from ingestion.landing.accounting import ENOUGH_ROWS, MOST_HELD_BACK
from ingestion.warehouse import kpi_bounds, models
from ingestion.warehouse.kpis import load_kpis

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ingestion.landing import Landed
    from ingestion.warehouse.kpis import Kpi


def judge(landed: Sequence[Landed]) -> list[CheckResult]:
    """A check for every table, and one for every group of KPIs that count on the same ones, of enough records."""
    files: dict[str, list[Landed]] = defaultdict(list)
    for one in landed:
        for dataset in one.datasets:
            files[dataset].append(one)
    checks = [check for dataset, brought in files.items() if (check := _table(dataset, brought))]
    wanting = {check.suite.removeprefix("exports.") for check in checks if not check.success}
    for reads, kpis in _inputs().items():
        brought = {one.load_id: one for dataset in reads for one in files.get(dataset, ())}
        # A table that is under the target stops the night by itself.
        if len(reads) > 1 and wanting.isdisjoint(reads) and (check := _kpis(kpis, brought.values())):
            checks.append(check)
    return checks


def _table(dataset: str, brought: Iterable[Landed]) -> CheckResult | None:
    return _check("table_accuracy_below_target", f"exports.{dataset}", brought)


def _kpis(kpis: Sequence[Kpi], brought: Iterable[Landed]) -> CheckResult | None:
    names = {lang: ("、" if lang == "zh" else ", ").join(kpi.label[lang] for kpi in kpis) for lang in ("zh", "en")}
    return _check("kpi_accuracy_below_target", ",".join(kpi.id for kpi in kpis), brought, names)


def _check(
    code: str, suite: str, brought: Iterable[Landed], names: dict[str, str] | None = None
) -> CheckResult | None:
    """None where there are too few records to speak of a share, or where a file is stopped by itself already."""
    files = list(brought)
    read, held = (sum(getattr(one, name) for one in files) for name in ("rows_read", "rows_quarantined"))
    if read < ENOUGH_ROWS or any(one.faults for one in files):
        return None
    label = rules()[code].label
    counts = {"zh": f"{read} 行中 {held} 行被隔离", "en": f"{held} of {read} records held back"}
    zh, en = (f"{label[lang]}{': ' if lang == 'en' else '：'}{_joined(names, counts, lang)}" for lang in ("zh", "en"))
    return CheckResult(
        stage=EXPORTS,
        suite=suite,
        expectation="accuracy",
        column="",
        severity="stop",
        success=held <= MOST_HELD_BACK * read,
        unexpected_count=held,
        element_count=read,
        code=code,
        reason_zh=zh,
        reason_en=en,
    )


def _joined(names: dict[str, str] | None, counts: dict[str, str], lang: str) -> str:
    told = [names[lang]] if names else []
    return ("；" if lang == "zh" else "; ").join([*told, counts[lang]])


def _inputs() -> dict[tuple[str, ...], list[Kpi]]:
    """The tables that KPIs count on, with those KPIs: the ones that are bounded, which are those on the wall."""
    folder = models.SQL_DIR / "kpis"
    bounded = kpi_bounds.load(models.SQL_DIR)
    found: dict[tuple[str, ...], list[Kpi]] = defaultdict(list)
    for kpi in load_kpis(folder).values() if folder.is_dir() else ():
        if kpi.id in bounded:
            found[tuple(sorted(kpi_bounds.datasets_of(kpi, models.SQL_DIR)))].append(kpi)
    return found
