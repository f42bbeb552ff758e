"""A read side with a few plausible numbers, so that pages are tested without a warehouse.

It answers as dashboard.metrics.query does; `states` and `values` of single KPIs can be set by a test.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path

import polars as pl

from dashboard.metrics.access import Scope
from dashboard.metrics.query import Ask
from data_checks.contract import datasets
from ingestion.warehouse.kpi_bounds import Bound
from ingestion.warehouse.kpis import Filter, Kpi, load_kpis, periods_between
from ingestion.warehouse.views import View, load_views
from tests.dashboard.fake_meta import AS_OF, META

VALUES = {"number": 3.5, "ratio": 0.873, "seconds": 8_100.0, "count": 12_345.0, "score": 4.21, "points": 32.5}
WIDTHS = {"number": 0.5, "ratio": 0.01, "seconds": 300.0, "score": 0.05, "points": 4.0}
# Of a view's columns those that hold no number.
VIEWED = {
    "kpi": "csat", "unit": "ratio", "weekday": 1, "scope_dimension": "region", "scope_value": "北京",
    "topic": "周末排队久", "dimension": "speed", "staff_key": "sample:L001", "customer_key": "crm:1",
}  # fmt: skip
OPTIONS = {
    "region": ["上海", "北京", "unknown"],
    "area": ["华东", "华北"],
    "tier": ["standard", "vip"],
    "channel": ["phone", "chat"],
    "customer_type": ["business", "consumer"],
    "product": ["空调 A1", "冰箱 B2"],
    "product_group": ["空调", "冰箱"],
    "grade": ["general", "major"],
}
# What sources bring, and what only some of them say: every word that an entry asks for.
ALL_DATASETS = frozenset(
    [*datasets(), *(name for one in (*load_kpis().values(), *load_views().values()) for name in one.datasets)]
)


@dataclass(frozen=True)
class FakeSnapshot:
    run_id: str = "20250701T000000"
    as_of: datetime = AS_OF
    published_at: datetime = AS_OF
    is_held: bool = False
    instead_of: str = ""
    fault: str = ""
    business_timezone: str = "Asia/Shanghai"
    last_date: date = date(2025, 6, 30)
    connected: frozenset[str] = ALL_DATASETS
    columns: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: {"core.fct_tickets": ("ticket_id",)})

    def age(self, now: datetime) -> timedelta:
        return now - self.as_of


@dataclass
class FakeQuery:
    """Stands in for the module dashboard.metrics.query."""

    snapshot: FakeSnapshot | None = field(default_factory=FakeSnapshot)
    values_of: dict[str, float] = field(default_factory=dict)
    states: dict[str, tuple[str, int]] = field(default_factory=dict)
    begins: date | None = date(2015, 1, 1)
    asked: list[tuple[str, Filter]] = field(default_factory=list)
    held_back: dict[str, Bound] = field(default_factory=dict)
    held_datasets: frozenset[str] = frozenset()

    def concerned(self, snapshot: FakeSnapshot) -> frozenset[str]:
        return self.held_datasets

    def bound(
        self, snapshot: FakeSnapshot, scope: Scope, kpi: Kpi, wanted: Filter, sums: tuple[int, int]
    ) -> Bound | None:
        return self.held_back.get(kpi.id)

    def open_snapshot(self, home: Path) -> FakeSnapshot | None:
        return self.snapshot

    def missing(self, snapshot: FakeSnapshot, asked: Kpi | View) -> tuple[str, ...]:
        return tuple(name for name in asked.datasets if name not in snapshot.connected)

    def view(
        self, snapshot: FakeSnapshot, scope: Scope, view: View, wanted: Filter, limit: int | None = None
    ) -> pl.DataFrame:
        return pl.DataFrame({name: [VIEWED.get(name, 1.0)] for name in view.columns})

    def view_rows(
        self, snapshot: FakeSnapshot, scope: Scope, view: View, wanted: Filter, limit: int | None = None
    ) -> pl.DataFrame:
        return pl.DataFrame({"frozen_date": [date(2025, 3, 31)]})

    def explain(
        self, snapshot: FakeSnapshot, scope: Scope, kpi: Kpi, now: Filter, before: Filter, by: Sequence[str]
    ) -> pl.DataFrame:
        rows = [("total", None, 0.8, 0.9, 0.0, 0.1, 0.1), (by[0], OPTIONS[by[0]][0], 0.8, 0.9, 0.0, 0.1, 0.1)]
        names = ("level", by[0], "rate_before", "rate_now", "mix", "rate_effect", "total")
        return pl.DataFrame(rows, schema=names, orient="row")

    def dimension_values(self, snapshot: FakeSnapshot, scope: Scope, dimension: str) -> list[str]:
        return OPTIONS[dimension]

    Ask = Ask

    def values_together(self, snapshot: FakeSnapshot, scope: Scope, asks: Sequence[Ask]) -> list[pl.DataFrame]:
        return [self.values(snapshot, scope, ask.kpi, ask.wanted, ask.by, ask.period) for ask in asks]

    def values(
        self,
        snapshot: FakeSnapshot,
        scope: Scope,
        kpi: Kpi,
        wanted: Filter,
        by: Sequence[str] = (),
        period: str = "total",
    ) -> pl.DataFrame:
        self.asked.append((kpi.id, wanted))
        first, last = wanted.date_from or date(2024, 7, 1), wanted.date_to or date(2025, 6, 30)
        groups: list[dict[str, object]] = [{}]
        for name in by:
            groups = [{**group, name: value} for group in groups for value in OPTIONS.get(name, ["a", "b"])]
        starts = [None] if period == "total" else periods_between(first, last, period)
        rows = [
            {"kpi": kpi.id, "period": start, **group, **self._numbers(snapshot, kpi, step)}
            for step, (start, group) in enumerate((start, group) for start in starts for group in groups)
        ]
        return pl.DataFrame(rows, schema_overrides={"period": pl.Date, "n": pl.Int64, "value": pl.Float64})

    def _numbers(self, snapshot: FakeSnapshot, kpi: Kpi, step: int) -> dict[str, object]:
        state, n = self.states.get(kpi.id, ("ok", 1_200))
        if not set(kpi.datasets) <= snapshot.connected:
            state, n = "not_connected", 0
        value = self.values_of.get(kpi.id, VALUES[kpi.unit]) * (1 + 0.004 * (step % 5))
        width = WIDTHS.get(kpi.unit)
        is_known = state not in ("not_connected", "empty", "not_reached")
        return {
            "value": value if is_known else None,
            "numerator": int(n * 0.8) if is_known else None,
            "denominator": n,
            "n": n,
            "lower": value - width if width and is_known else None,
            "upper": value + width if width and is_known else None,
            "state": state,
            "as_of": snapshot.as_of,
            "run_id": snapshot.run_id,
            "definition_version": kpi.version,
        }

    def knows_first_date(self, snapshot: FakeSnapshot, scope: Scope, kpi: Kpi) -> bool:
        return False

    def first_date(self, snapshot: FakeSnapshot, scope: Scope, kpi: Kpi) -> date | None:
        return self.begins

    def counted_on(self, snapshot: FakeSnapshot, kpi: Kpi, wanted: Filter) -> date | None:
        if kpi.over_time == "sum":
            return None
        first, last = wanted.date_from or date(2024, 7, 1), wanted.date_to or date(2025, 6, 30)
        return min(last, snapshot.last_date) if kpi.over_time == "last" else first

    def rows(
        self,
        snapshot: FakeSnapshot,
        scope: Scope,
        kpi: Kpi,
        wanted: Filter,
        part: str = "denominator",
        limit: int | None = None,
    ) -> pl.DataFrame:
        hours = [30, 5, 100]
        return pl.DataFrame(
            {
                "ticket_id": ["T1", "T2", "T3"],
                "complaint_id": ["C1", "C2", "C3"],
                "received_at": [AS_OF - timedelta(hours=each) for each in hours],
                "due_at": [AS_OF - timedelta(hours=each - 24) for each in hours],
                "grade": ["general", "major", "general"],
                "reason": ["质量", "态度", "质量"],
                "region": ["上海", "北京", "unknown"],
                "tier": ["vip", "standard", "standard"],
                "product": ["空调 A1", "冰箱 B2", "空调 A1"],
            }
        )

    def curve(
        self, snapshot: FakeSnapshot, scope: Scope, kpi: Kpi, wanted: Filter, by: Sequence[str] = ()
    ) -> pl.DataFrame:
        steps = 40
        frames = [
            pl.DataFrame(
                {
                    **{name: [value] * steps for name in by},
                    "duration": [3_600.0 * (step + 1) for step in range(steps)],
                    "survival": [1 - step / (steps + 5) for step in range(steps)],
                    "lower": [max(0.0, 0.96 - step / (steps + 5)) for step in range(steps)],
                    "upper": [min(1.0, 1.03 - step / (steps + 5)) for step in range(steps)],
                    "at_risk": [1_000 - 20 * step for step in range(steps)],
                }
            )
            for value in (OPTIONS[by[0]] if by else [""])
        ]
        return pl.concat(frames)

    def sums(
        self,
        snapshot: FakeSnapshot,
        scope: Scope,
        name: str,
        wanted: Filter,
        by: Sequence[str] = (),
        period: str = "total",
    ) -> pl.DataFrame:
        starts = [None] if period == "total" else periods_between(date(2025, 1, 1), date(2025, 6, 30), period)
        return MARTS[name](starts)

    def passport(self, snapshot: FakeSnapshot, scope: Scope, kpi: Kpi, wanted: Filter) -> dict[str, object]:
        one_file = {"file": "tickets.csv", "source": "sample", "rows_read": 9, "rows_loaded": 8, "sha256": "ab" * 32}
        check = {
            "suite": "exports.tickets",
            "column_name": "created_at",
            "reason_zh": "必填项为空",
            "reason_en": "Empty",
        }
        return {
            "kpi": kpi.id,
            "definition_version": kpi.version,
            "run_id": snapshot.run_id,
            "snapshot": {"file": "s.duckdb", "sha256": "cd" * 32},
            "question": {"from": "2024-07-01", "to": "2025-06-30"},
            "values": [{"value": 0.7912}],
            "sql": "select 1",
            "parameters": [{"kind": "date", "value": "2024-07-01"}],
            "rows": {"denominator": {"count": 1_200}, "numerator": {"count": 960}},
            "models": [{"name": kpi.rows, "sha256": "ef" * 32, "reads": ["raw.tickets"]}],
            "files": [{**one_file, "rows_quarantined": 1, "rows_duplicate": 0}],
            "checks": [{**check, "success": False, "unexpected_count": 1}, {**check, "success": True}],
        }

    def cell_of(self, kpi: Kpi, where: Mapping[str, Sequence[str]]) -> tuple[str, str]:
        return "whole", ""

    def restated(self, snapshot: FakeSnapshot, scope: Scope, kpi: Kpi, period: None, *cell: str) -> pl.DataFrame:
        causes = dict.fromkeys(("corrected", "definition", "maturity", "unexplained"), 0.0)
        month = {"period": date(2025, 5, 1), "reported_as_of": AS_OF, "reported_value": 0.873, "value": 0.863}
        return pl.DataFrame([{**month, "move": -0.01, "late": -0.01, **causes}])

    def held_records(
        self, snapshot: FakeSnapshot, scope: Scope, load_ids: list[str], source_rows: list[int]
    ) -> pl.DataFrame:
        assert scope.may_see_personal
        rows = sorted({*zip(load_ids, source_rows, strict=True)})
        both = [(*row, dataset, f"{dataset} {row[1]}") for row in rows for dataset in ("tickets", "visits")]
        told = [(*row, f"Ms. Quarrel wrote line {row[1]}") for row in both]
        return pl.DataFrame(told, schema=["load_id", "source_row", "dataset", "key", "original"], orient="row")

    def meta(self, snapshot: FakeSnapshot, name: str) -> pl.DataFrame:
        return META[name]


def _tickets(periods: list[date | None]) -> pl.DataFrame:
    fates = ("met", "breached", "open_breach", "not_due", "no_policy")
    names = [f"{promise}_{fate}_count" for promise in ("response", "resolution") for fate in fates]
    size = len(periods)
    return pl.DataFrame({"period": periods, **{name: [40 + step] * size for step, name in enumerate(names)}})


def _complaints(periods: list[date | None]) -> pl.DataFrame:
    size = len(periods)
    return pl.DataFrame(
        {
            "period": periods,
            "reason": ["质量"] * size,
            "complaint_count": [50] * size,
            "settled_count": [30] * size,
            "closure_matured_count": [42] * size,
            "closure_maturing_count": [8] * size,
        }
    )


def _cohorts(periods: list[date | None]) -> pl.DataFrame:
    rows = [
        {
            "period": period,
            "months_since": span,
            "customer_count": 100 if span == 0 else 0,
            "repeat_count": 6 * (span > 0),
        }
        for period in periods
        for span in range(4)
    ]
    return pl.DataFrame(rows)


def _scores(periods: list[date | None]) -> pl.DataFrame:
    ratings = [
        {"dimension": "overall", "score": score, "answer_count": 10 * score, "nps_count": 0} for score in range(1, 6)
    ]
    answers = [{"dimension": "nps", "score": score, "answer_count": 0, "nps_count": 5 + score} for score in range(11)]
    return pl.DataFrame([*ratings, *answers])


def _chain(periods: list[date | None]) -> pl.DataFrame:
    stages = ("reported", "dispatched", "arrived", "repaired", "accepted", "followed_up")
    return pl.DataFrame({f"{stage}_count": [1_000 - 120 * step] for step, stage in enumerate(stages)})


MARTS = {
    "marts.mart_tickets_daily": _tickets,
    "marts.mart_complaints_daily": _complaints,
    "marts.mart_repurchase_cohorts": _cohorts,
    "marts.mart_survey_scores": _scores,
    "marts.mart_repair_chain": _chain,
    "marts.mart_arrivals_hourly": lambda _: pl.DataFrame(
        [
            {
                "weekday": day,
                "hour": hour,
                "ticket_count": day * hour + 1,
                "response_met_count": hour,
                "response_due_count": hour,
            }
            for day in range(1, 8)
            for hour in range(24)
        ]
    ),
    "marts.mart_visit_results": lambda _: pl.DataFrame(
        {
            "result": ["fixed", "waiting_part", "no_access"],
            "visit_no_group": ["first"] * 3,
            "visit_count": [800, 120, 40],
        }
    ),
    "marts.mart_tier_moves": lambda _: pl.DataFrame(
        {
            "tier_from": ["standard", "standard", "vip", "vip"],
            "tier_to": ["standard", "vip", "vip", "lost"],
            "customer_count": [900, 30, 95, 5],
        }
    ),
}
