"""Bounds against trying everything: every membership and every outcome of what is held back, on few units."""

from __future__ import annotations

import itertools
import random
from dataclasses import dataclass, replace
from datetime import date
from typing import TYPE_CHECKING

import duckdb
import pytest

from ingestion.warehouse import kpi_bounds, kpi_sql
from ingestion.warehouse.kpi_bounds import Bound, Held, Rule
from ingestion.warehouse.kpis import Filter, Kpi, load_kpis

if TYPE_CHECKING:
    from collections.abc import Iterator

FIRST, LAST, BEFORE = date(2025, 5, 1), date(2025, 5, 31), date(2025, 4, 20)
REGIONS = ("北京", "上海")
RULE = Rule("ticket", "tickets", ("tickets", "ticket_events"), "period", ("region",))


@dataclass(frozen=True)
class Unit:
    """A ticket as the fact has it: what it adds (None: not counted), or its seconds and whether they ended."""

    day: date
    region: str
    value: int | None
    seconds: int = 0
    is_over: bool = False


@dataclass(frozen=True)
class Row:
    """A row held back: about the unit of that number (None: cannot be read), from that dataset, telling that."""

    unit: int | None
    is_own: bool = True
    day: date | None = None
    region: str | None = None


@dataclass(frozen=True)
class World:
    """Tickets, and rows held back; numbers beyond the tickets are of tickets that are not there."""

    units: tuple[Unit, ...]
    rows: tuple[Row, ...]


def kpi(kind: str) -> Kpi:
    """A KPI over the tiny fact."""
    likeness = {"ratio": "sla_response_met", "nps": "nps", "count": "ticket_volume", "km_time": "resolution_time"}
    known = load_kpis()[likeness.get(kind, "repurchase_90d")]
    names = {"id": "tried", "rows": "fact", "time": "day", "mart": None, "pending": None, "maturity_days": 0}
    words = {"denominator": "value is not null", "numerator": "value", "dimensions": kpi_bounds.SLICES}
    lasting = {"duration": "seconds", "event": "is_over"} if kind.startswith("km_") else {}
    if kind == "km_share":
        lasting["horizon"] = 50  # type: ignore[assignment]
    return replace(known, **names, **words, **lasting)  # type: ignore[arg-type]


def question(region: str | None) -> kpi_sql.Question:
    where = {"region": (region,)} if region else {}
    return kpi_sql.Question(Filter(FIRST, LAST, where), (), "total", LAST)


def asked(world: World, one: Kpi, region: str | None, rule: Rule = RULE) -> tuple[Held, Bound | None]:
    """What our SQL and formulas say."""
    con = duckdb.connect()
    con.execute(
        "create table fact (ticket_key varchar, day date, region varchar, tier varchar, channel varchar, "
        "customer_type varchar, product varchar, value integer, seconds bigint, is_over boolean)"
    )
    con.execute("create schema meta")
    con.execute(
        "create table meta.held_units (unit varchar, dataset varchar, unit_no bigint, row_no bigint, day date, "
        "region varchar, channel varchar)"
    )
    con.execute("create table meta.held_now as select 'tried' as kpi, 0 as unit_no, '' as unit_key, fact.* from fact")
    con.execute("alter table meta.held_now add column counts boolean")
    for number, unit in enumerate(world.units):
        told = [str(number), unit.day, unit.region, unit.value, unit.seconds, unit.is_over]
        con.execute(
            "insert into fact by name select ? as ticket_key, ? as day, ? as region, ? as value, "
            "? as seconds, ? as is_over",
            told,
        )
        if any(row.unit == number for row in world.rows):
            con.execute(
                "insert into meta.held_now by name select 'tried' as kpi, ?::bigint as unit_no, ? as unit_key, "
                "?::date as day, ? as region, coalesce(?::integer, 0) as value, ?::boolean as counts",
                [number, str(number), unit.day, unit.region, unit.value, unit.value is not None],
            )
    for number, row in enumerate(world.rows):
        dataset = "tickets" if row.is_own else "ticket_events"
        con.execute(
            "insert into meta.held_units values ('ticket', ?, ?, ?, ?, ?, null)",
            [dataset, row.unit, number, row.day, row.region],
        )

    def first(found: kpi_sql.Query) -> dict[str, object]:
        answer = con.execute(found.sql, list(found.binds))
        names = [column[0] for column in answer.description or ()]
        return dict(zip(names, answer.fetchone() or (None,) * len(names), strict=True))

    put = question(region)
    held = Held(**first(kpi_bounds.held_query(one, rule, put)))  # type: ignore[arg-type]
    if one.kind in kpi_bounds.SUMS:
        now = first(kpi_sql.value_query(one, put))
        sums = (int(str(now[name] or 0)) for name in ("numerator", "denominator"))
        return held, kpi_bounds.of_sums(one, *sums, held)
    ends = [
        first(kpi_bounds.duration_query(one, rule, put, held, at_once=at_once))["value"] for at_once in (True, False)
    ]
    return held, kpi_bounds.of_durations(one, *ends, held)  # type: ignore[arg-type]


# --- Trying everything. A completed world is the list of what is counted in the slice and period. ---


def may_lie_inside(row: Row, region: str | None) -> bool:
    is_day = row.day is None or FIRST <= row.day <= LAST
    return is_day and (region is None or row.region in (None, region))


def is_inside(unit: Unit, region: str | None) -> bool:
    return FIRST <= unit.day <= LAST and (region is None or unit.region == region)


def completions(world: World, region: str | None, outcomes: tuple[object, ...]) -> Iterator[list[object]]:
    """Every list of outcomes that could be counted; outcomes are what a unit that counts may turn out as."""

    def now(number: int) -> object:
        unit = world.units[number]
        lasted = (unit.seconds, unit.is_over) if isinstance(outcomes[0], tuple) else unit.value
        return lasted if is_inside(unit, region) and unit.value is not None else None

    fates: dict[int, list[object]] = {}
    for number in {row.unit for row in world.rows if row.unit is not None}:
        own = [row for row in world.rows if row.unit == number and row.is_own]
        is_there = number < len(world.units)
        today = now(number) if is_there else None
        if own:
            can_be = any(may_lie_inside(row, region) for row in own)
        else:
            can_be = is_inside(world.units[number], region) if is_there else True
        fates[number] = [None, today, *(outcomes if can_be else ())]
    nameless = [row for row in world.rows if row.unit is None and may_lie_inside(row, region)]
    others = [number for number in range(len(world.units)) if number not in fates and now(number) is not None]
    # Each row without a number is a unit of its own (-1), or a newer version of any other.
    for targets in itertools.product([-1, *others], repeat=len(nameless)):
        taken = [target for target in targets if target >= 0]
        if len(set(taken)) < len(taken):
            continue
        rest = [now(number) for number in others if number not in taken]
        free = [[None, *outcomes] for _ in targets]
        for fate in itertools.product(*fates.values(), *free):
            yield [each for each in (*rest, *fate) if each is not None]


def extremes(values: list[float]) -> tuple[float, float] | None:
    return (min(values), max(values)) if values else None


def random_world(seed: int, *, most_units: int, most_rows: int, nameless: bool = True) -> World:
    draw = random.Random(seed)
    values = (0, 0, 1, 1, None)
    units = tuple(
        Unit(
            draw.choice((FIRST, LAST, BEFORE)), draw.choice(REGIONS), draw.choice(values),
            draw.choice((10, 40, 60)), draw.random() < 0.7,
        )
        for _ in range(draw.randint(0, most_units))
    )  # fmt: skip
    rows = []
    for _ in range(draw.randint(1, most_rows)):
        number = None if nameless and draw.random() < 0.2 else draw.randint(0, len(units) + 1)
        day = draw.choice((None, FIRST, BEFORE))
        rows.append(Row(number, number is None or draw.random() < 0.7, day, draw.choice((None, *REGIONS))))
    return World(units, tuple(rows))


@pytest.mark.parametrize("region", [None, "北京"])
@pytest.mark.parametrize("seed", range(40))
def test_the_bounds_of_a_share_are_those_of_trying_everything(seed: int, region: str | None) -> None:
    world = random_world(seed, most_units=9, most_rows=3)
    _, bound = asked(world, kpi("ratio"), region)
    shares = [sum(each) / len(each) for each in completions(world, region, (0, 1)) if each]  # type: ignore[arg-type]
    found = extremes(shares)
    if bound is None:
        assert found is None
    else:
        assert found == pytest.approx((bound.lower, bound.upper))


@pytest.mark.parametrize("target", [0.3, 0.5, 0.75])
@pytest.mark.parametrize("seed", range(20))
def test_a_target_is_crossed_where_some_outcomes_meet_it_and_others_miss_it(seed: int, target: float) -> None:
    from dashboard.readings import Target

    world = random_world(seed, most_units=9, most_rows=3)
    _, bound = asked(world, kpi("ratio"), None)
    met = {sum(each) / len(each) >= target for each in completions(world, None, (0, 1)) if each}  # type: ignore[arg-type]
    crossed = bound is not None and Target(target).is_crossed(bound.lower, bound.upper, "higher")
    assert crossed is (met == {True, False})


@pytest.mark.parametrize("units", [12])
def test_twelve_units_and_rows_of_every_sort(units: int) -> None:
    there = tuple(Unit(FIRST, REGIONS[number % 2], int(number % 3 > 0)) for number in range(units))
    rows = (Row(0), Row(1, day=BEFORE), Row(20), Row(None, region="上海"))
    for region in (None, *REGIONS):
        world = World(there, rows)
        _, bound = asked(world, kpi("ratio"), region)
        shares = [sum(each) / len(each) for each in completions(world, region, (0, 1)) if each]  # type: ignore[arg-type]
        assert bound is not None
        assert (min(shares), max(shares)) == pytest.approx((bound.lower, bound.upper))


@pytest.mark.parametrize("seed", range(20))
def test_the_bounds_of_a_count_are_those_of_trying_everything(seed: int) -> None:
    world = random_world(seed, most_units=7, most_rows=3)
    world = World(tuple(replace(unit, value=unit.value or None) for unit in world.units), world.rows)
    _, bound = asked(world, kpi("count"), None)
    assert bound is not None
    counts = [float(sum(each)) for each in completions(world, None, (1,))]  # type: ignore[arg-type]
    assert extremes(counts) == (bound.lower, bound.upper)


@pytest.mark.parametrize("seed", range(20))
def test_the_bounds_of_a_net_score_hold_whatever_the_rows_say(seed: int) -> None:
    world = random_world(seed, most_units=6, most_rows=3)
    _, bound = asked(world, kpi("nps"), None)
    found = extremes([100 * sum(each) / len(each) for each in completions(world, None, (-1, 0, 1)) if each])  # type: ignore[arg-type]
    if bound is None or bound.lower is None or bound.upper is None:
        assert found is None
        return
    assert found is not None
    assert bound.lower <= found[0] + 1e-9
    assert found[1] <= bound.upper + 1e-9
    if not any(row.day == BEFORE or row.unit is None for row in world.rows):
        assert found == pytest.approx((bound.lower, bound.upper))


def survival(units: list[tuple[int, bool]], until: float) -> float:
    """S just after `until`, by the book: one factor a time at which something happened."""
    share = 1.0
    for moment in sorted({seconds for seconds, is_over in units if is_over and seconds <= until}):
        at_risk = sum(seconds >= moment for seconds, _ in units)
        share *= 1 - sum(seconds == moment and is_over for seconds, is_over in units) / at_risk
    return share


def median(units: list[tuple[int, bool]]) -> float:
    reached = [seconds for seconds, _ in units if survival(units, seconds) <= 0.5 + 1e-9]
    return min(reached, default=float("inf"))


LONG = 10**9
FATES = tuple((seconds, is_over) for seconds in (0, 40, 60, LONG) for is_over in (True, False))


SEEN = tuple(fate for fate in FATES if fate[1] or fate[0] == LONG)


def ended(seed: int) -> World:
    """Every unit had its event, as far as anybody looked."""
    world = random_world(seed, most_units=7, most_rows=2, nameless=False)
    return World(tuple(replace(unit, is_over=True) for unit in world.units), world.rows)


def filled(world: World, fate: tuple[int, bool]) -> list[tuple[int, bool]]:
    """What is counted, and all that is held back with the same fate."""
    units: list[tuple[int, bool]] = []
    numbers = {row.unit for row in world.rows}
    for number in {*range(len(world.units)), *numbers}:
        assert number is not None
        unit = world.units[number] if number < len(world.units) else None
        is_counted = unit is not None and is_inside(unit, None) and unit.value is not None
        own = [row for row in world.rows if row.unit == number and row.is_own]
        could = any(may_lie_inside(row, None) for row in own) if own else unit is None or is_inside(unit, None)
        if number in numbers and (could or is_counted):
            units.append(fate)
        elif unit is not None and is_counted:
            units.append((unit.seconds, unit.is_over))
    return units


@pytest.mark.parametrize("seed", range(20))
def test_a_median_lies_between_an_event_at_once_and_never(seed: int) -> None:
    for world in (ended(seed), random_world(seed, most_units=7, most_rows=2, nameless=False)):
        held, bound = asked(world, kpi("km_time"), None)
        if held.count:
            at_once, never = (median(filled(world, fate)) for fate in ((0, True), (LONG, False)))
            assert bound == Bound(at_once, None if never >= LONG else never, held.count)


@pytest.mark.parametrize("seed", range(20))
def test_no_outcome_of_a_median_lies_outside_where_every_event_was_seen(seed: int) -> None:
    world = ended(seed)
    held, bound = asked(world, kpi("km_time"), None)
    medians = [median(each) for each in completions(world, None, SEEN) if each]  # type: ignore[arg-type]
    if held.count and bound is not None:
        assert bound.lower == min(medians)
        # An event after very long is as good as never: whatever is later than all that was seen is not reached.
        assert bound.upper == (None if max(medians) >= LONG else max(medians))


@pytest.mark.parametrize("seed", range(20))
def test_a_share_by_a_horizon_lies_between_an_event_at_once_and_never(seed: int) -> None:
    world = random_world(seed, most_units=7, most_rows=2, nameless=False)
    held, bound = asked(world, kpi("km_share"), None)
    if held.count and bound is not None:
        at_once, never = filled(world, (0, True)), filled(world, (LONG, False))
        assert bound.lower == pytest.approx(1 - survival(never, 50))
        # Where the last one was lost sight of before the horizon, the share itself is not told either.
        if bound.upper is not None:
            assert bound.upper == pytest.approx(1 - survival(at_once, 50))
        else:
            assert max(seconds for seconds, _ in at_once) < 50


@pytest.mark.parametrize("seed", range(20))
def test_no_outcome_of_a_share_lies_outside_where_every_event_was_seen(seed: int) -> None:
    world = ended(seed)
    held, bound = asked(world, kpi("km_share"), None)
    shares = [1 - survival(each, 50) for each in completions(world, None, SEEN) if each]  # type: ignore[arg-type]
    if held.count and bound is not None:
        assert (bound.lower, bound.upper) == pytest.approx((min(shares), max(shares)))


def test_a_unit_that_may_decide_about_another_counts_twice() -> None:
    world = World(tuple(Unit(FIRST, "北京", value) for value in (1, 1, 1, 0)), (Row(9),))
    _, alone = asked(world, kpi("ratio"), None)
    _, both = asked(world, kpi("ratio"), None, replace(RULE, others=30))
    assert alone is not None
    assert both is not None
    assert (alone.lower, alone.upper) == (3 / 5, 4 / 5)
    assert (both.lower, both.upper) == (2 / 5, 1.0)


def test_a_unit_of_long_ago_decides_about_none_of_the_period() -> None:
    there = tuple(Unit(FIRST, "北京", value) for value in (1, 1, 1, 0))
    for days, bound in ((10, None), (11, Bound(2 / 4, 4 / 4, 1))):
        world = World(there, (Row(9, day=BEFORE),))
        found = asked(world, kpi("ratio"), None, replace(RULE, others=days))
        assert (found[1] if found[0].count else None) == bound


def test_a_row_that_is_held_back_twice_is_one_unit() -> None:
    world = World((Unit(FIRST, "北京", 1),), (Row(5), Row(5), Row(5, is_own=False)))
    held, _ = asked(world, kpi("ratio"), None)
    assert held == Held(new=1)


def test_every_entry_names_a_kpi_and_a_dataset_that_it_reads() -> None:
    kpis = load_kpis()
    for kpi_id, rule in kpi_bounds.load().items():
        assert rule.own in kpi_bounds.datasets_of(kpis[kpi_id]), kpi_id
        assert kpi_bounds.is_bounded(kpis[kpi_id]), kpi_id


def test_every_kpi_of_the_overview_is_bounded() -> None:
    from pathlib import Path

    page = Path(kpi_bounds.__file__).parents[2] / "dashboard" / "app_pages" / "overview.py"
    text = page.read_text(encoding="utf-8")
    wall = [kpi_id for kpi_id in load_kpis() if f'"{kpi_id}"' in text]
    assert len(wall) > 15
    assert [kpi_id for kpi_id in wall if kpi_id not in kpi_bounds.load()] == []
