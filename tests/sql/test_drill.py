"""Drill rows are the number: for every KPI and many random slices, what is listed is what was counted.

The slices are drawn around real units, so that most hold some; what they should hold is counted by SQL written here,
from the entry's words alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from random import Random

import pytest

from dashboard.metrics import query
from dashboard.metrics.access import Scope
from ingestion.warehouse import kpi_sql
from ingestion.warehouse.kpis import Filter, Kpi, Query, load_kpis

SLICES, SOAKED_SLICES = 4, 50
ENOUGH = 10
FEW_UNITS = 200
"""Of a fact with fewer units than this, random slices with ten of them are not to be had."""

pytestmark = pytest.mark.slow


@dataclass(frozen=True)
class Expected:
    """What a slice holds: rows in the denominator and the numerator, and the sum of what the latter contribute."""

    counting: int
    contributing: int
    total: float


def participates(kpi: Kpi) -> str:
    if kpi.kind == "rate":
        return f"({kpi.denominator}) is not null and ({kpi.denominator}) <> 0"
    conditions = [f"({kpi.denominator})", *(f"{name} is not null" for name in (kpi.duration, kpi.limit) if name)]
    return " and ".join(conditions)


def contributes(kpi: Kpi) -> str:
    match kpi.kind:
        case "km_time":
            return f"({participates(kpi)}) and ({kpi.event})"
        case "km_share":
            return f"({participates(kpi)}) and ({kpi.event}) and {kpi.duration} <= {kpi.limit or kpi.horizon}"
        case "difference":
            return f"({participates(kpi)}) and ({kpi.group}) and cast({kpi.numerator} as decimal(18, 4)) <> 0"
        case "rate":
            return f"({kpi.numerator}) <> 0"
        case _:
            return f"({participates(kpi)}) and cast({kpi.numerator} as decimal(18, 4)) <> 0"


def worth(kpi: Kpi) -> str:
    """What a contributing row adds; an event of a Kaplan-Meier KPI is one."""
    return "1" if kpi.kind.startswith("km_") else f"cast({kpi.numerator} as decimal(18, 4))"


def quoted(value: object) -> str:
    return "'" + str(value).replace("'", "''") + "'"


def where(kpi: Kpi, wanted: Filter) -> str:
    told = [f"{kpi.time} >= date '{wanted.date_from}' and {kpi.time} <= date '{wanted.date_to}'"]
    for name, values in wanted.where.items():
        told.append(f"{name}::varchar in ({', '.join(quoted(value) for value in values)})")
    return " and ".join(told)


def expected(snapshot: query.Snapshot, kpi: Kpi, slices: list[Filter]) -> list[Expected]:
    counted = " union all ".join(
        f"select {number} as slice, count(*) filter (where {participates(kpi)}) as counting,"
        f" count(*) filter (where {contributes(kpi)}) as contributing,"
        f" coalesce(sum(case when {contributes(kpi)} then {worth(kpi)} end), 0)::double as total"
        f" from {kpi.rows} where {where(kpi, one)}"
        for number, one in enumerate(slices)
    )
    found = snapshot.run(Query(f"select * from ({counted}) order by slice", ()))
    return [Expected(*row[1:]) for row in found.rows()]


def random_slices(snapshot: query.Snapshot, kpi: Kpi, count: int) -> list[Filter]:
    random = Random(kpi.id)
    names = ", ".join(f"cast({name} as varchar) as {name}" for name in kpi.dimensions)
    # Of a month that has only just begun no complete day has passed: its cohort is not asked for yet.
    begun = f" and {kpi.time} <= date '{snapshot.last_date}'" if kpi.over_time == "first" else ""
    units = snapshot.run(
        Query(
            f"select cast({kpi.time} as date) as day, {names} from {kpi.rows} where {participates(kpi)}{begun}"
            f" order by md5({kpi.time}::varchar || ({', '.join(kpi.dimensions)})::varchar) limit 400",
            (),
        )
    ).to_dicts()
    slices = []
    for _ in range(count):
        around = random.choice(units)
        dimensions = random.sample(kpi.dimensions, min(random.choice((0, 1, 1, 2)), len(kpi.dimensions)))
        others = random.choice(units)
        values = {
            name: tuple(dict.fromkeys(str(unit[name]) for unit in (around, others) if unit[name] is not None))
            for name in dimensions
        }
        first, last = random_dates(random, kpi, around["day"])
        slices.append(Filter(first, last, {k: v for k, v in values.items() if v}))
    return slices


def random_dates(random: Random, kpi: Kpi, day: date) -> tuple[date, date]:
    """Dates around a unit's day; of a stock or a cohort such that they are taken at that very day."""
    days = timedelta(days=random.choice((120, 400, 800)))
    if kpi.over_time == "last":
        return day - days, day
    if kpi.over_time == "first":
        return day, day + days
    first = day - timedelta(days=random.randrange(days.days))
    return first, first + days


def one_day(snapshot: query.Snapshot, kpi: Kpi, slices: list[Filter]) -> list[Filter]:
    """A stock or cohort is taken at one day: the slice as that day alone."""
    days = [query.counted_on(snapshot, kpi, one) for one in slices]
    return [one if day is None else Filter(day, day, one.where) for one, day in zip(slices, days, strict=True)]


def drilled(snapshot: query.Snapshot, kpi: Kpi, wanted: Filter) -> tuple[int, int, float]:
    """Heights of both lists, and the sum of what the second one's rows contribute; counted where they lie."""
    question = kpi_sql.Question(wanted, (), "total", snapshot.last_date)
    counting, contributing = (kpi_sql.rows_query(kpi, question, part) for part in ("denominator", "numerator"))
    sql = f"""select (select count(*) from ({counting.sql})), count(*), coalesce(sum({worth(kpi)}), 0)::double
        from ({contributing.sql})"""
    return snapshot.run(Query(sql, (*counting.binds, *contributing.binds))).row(0)  # type: ignore[return-value]


@pytest.mark.parametrize("kpi", load_kpis().values(), ids=lambda kpi: kpi.id)
def test_drill_rows_reproduce_numerator_and_denominator(full_snapshot: query.Snapshot, kpi: Kpi) -> None:
    check_drill(full_snapshot, kpi, SLICES)


@pytest.mark.soak
@pytest.mark.parametrize("kpi", load_kpis().values(), ids=lambda kpi: kpi.id)
def test_drill_rows_reproduce_fifty_slices(full_snapshot: query.Snapshot, kpi: Kpi) -> None:
    check_drill(full_snapshot, kpi, SOAKED_SLICES)


def check_drill(snapshot: query.Snapshot, kpi: Kpi, count: int) -> None:
    """Values and drill rows of random slices against what this file counts; at least half hold ten units."""
    asked = random_slices(snapshot, kpi, count)
    held = one_day(snapshot, kpi, asked)
    counts = expected(snapshot, kpi, held)
    for wanted, of_slice in zip(asked, counts, strict=True):
        row = query.values(snapshot, Scope.everything(), kpi, wanted).row(0, named=True)
        assert drilled(snapshot, kpi, wanted) == (
            of_slice.counting,
            of_slice.contributing,
            pytest.approx(of_slice.total),
        ), wanted
        if kpi.kind not in ("count", "stock", "rate"):
            assert (row["denominator"] or 0) == of_slice.counting, wanted
        assert (row["numerator"] or 0) == pytest.approx(of_slice.total), wanted
    whole = expected(snapshot, kpi, one_day(snapshot, kpi, [Filter(date(2000, 1, 1), date(2030, 1, 1))]))[0]
    if whole.counting >= FEW_UNITS:
        assert sum(of_slice.counting >= ENOUGH for of_slice in counts) >= count / 2
