"""`aftercare kpi KPI --why DIM`: what moved a number since the dates it is fairly compared with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import typer

from dashboard.commands import catalogue, shared
from dashboard.commands.shared import LANG, t

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from dashboard.fair import Comparison
    from dashboard.metrics.query import Snapshot
    from ingestion.warehouse.kpis import Filter, Kpi

Against = Literal["previous", "last_year"]


def show(kpi: Kpi, home: Path, wanted: Filter, by: Sequence[str], against: Against, form: shared.Format) -> None:
    """The change split into the mix of the segments and what each of them changed itself."""
    from dashboard.metrics.access import Scope
    from dashboard.metrics.change import explain
    from ingestion.warehouse.kpis import Filter

    snapshot = catalogue.open_published(home)
    catalogue.tell_missing(snapshot, kpi)
    compared = _compared(kpi, snapshot, wanted, against)
    if compared is None:
        shared.fail(t("cli.kpi.unripe", label=kpi.label[LANG], days=kpi.maturity_days))
    now, before = (Filter(one.first, one.last, wanted.where) for one in (compared.now, compared.before))
    found = explain(snapshot, Scope.everything(), kpi, now, before, by)
    if form != "table":
        dates = {
            "before_from": compared.before.first, "before_to": compared.before.last,
            "now_from": compared.now.first, "now_to": compared.now.last,
        }  # fmt: skip
        shared.show_rows([{**dates, **row} for row in found.to_dicts()], [*dates, *found.columns], form)
        return
    if found.is_empty():
        typer.echo(t("cli.kpi.nothing", label=kpi.label[LANG]))
        return
    typer.echo(t("cli.kpi.why_title", label=kpi.label[LANG], kpi=kpi.id, now=compared.now, before=compared.before))
    told = [_shown(kpi, row, by) for row in found.to_dicts()]
    shared.show_rows(told, list(told[0]), "table")
    typer.echo(t("cli.kpi.why_counts" if found["mix"].is_null().all() else "cli.kpi.why_read"))


def _compared(kpi: Kpi, snapshot: Snapshot, wanted: Filter, against: Against) -> Comparison | None:
    from dashboard.fair import compare
    from dashboard.metrics import query
    from dashboard.periods import Period

    complete = query.complete_filter(snapshot, wanted)
    first, last = complete.date_from or snapshot.last_date, complete.date_to or snapshot.last_date
    return compare(Period(first, last), against, last_date=snapshot.last_date, maturity_days=kpi.maturity_days)


def _shown(kpi: Kpi, row: dict[str, Any], by: Sequence[str]) -> dict[str, object]:
    """A row as a person reads it: effects signed and in the KPI's unit, a star where it is surely no luck."""
    from dashboard import formats
    from dashboard.labels import Labels

    labels = Labels(LANG, t)

    def moved(amount: float | None) -> str:
        return formats.MISSING if amount is None else formats.change(amount, 0, kpi.unit, LANG)

    def segment() -> str:
        if row["level"] in ("total", "residual"):
            return t(f"cli.kpi.levels.{row['level']}")
        # The second dimension stands indented under the first.
        depth = list(by).index(row["level"])
        return f"{'  ' * depth}{labels.dimension(row['level'])}: {labels.value(row['level'], row[row['level']])}"

    return {
        t("cli.kpi.columns.segment"): segment(),
        t("cli.kpi.columns.before"): formats.value(row["rate_before"], kpi.unit, LANG),
        t("cli.kpi.columns.now"): formats.value(row["rate_now"], kpi.unit, LANG),
        t(
            "cli.kpi.columns.weights"
        ): f"{formats.percent(row['weight_before'])} → {formats.percent(row['weight_now'])}",
        t("cli.kpi.columns.mix"): moved(row["mix"]),
        t("cli.kpi.columns.own"): moved(row["rate_effect"]),
        t("cli.kpi.columns.total"): moved(row["total"]),
        t("cli.kpi.columns.sure"): "*" if row["is_significant"] else "",
    }
