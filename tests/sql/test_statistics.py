"""The statistics that are written as SQL, against independent libraries and exact fractions."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date
from fractions import Fraction
from random import Random

import duckdb
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lifelines import KaplanMeierFitter
from scipy import stats
from statsmodels.stats.proportion import proportion_confint

from ingestion.warehouse import engines, kpi_sql, statistics
from ingestion.warehouse.kpis import Filter, Kpi, load_kpis

Units = Sequence[tuple[int, bool]]
Step = tuple[float, int, int, float, float, float]  # duration, events, at risk, survival, lower, upper
EXACT = pytest.approx


@pytest.fixture(scope="module")
def con() -> Iterator[duckdb.DuckDBPyConnection]:
    with engines.open_memory() as con:
        con.execute("create table units (curve integer, duration bigint, is_event boolean)")
        yield con


def curves(con: duckdb.DuckDBPyConnection, samples: Sequence[Units]) -> list[list[Step]]:
    """The curve of each sample, all drawn in one query."""
    load(con, samples)
    sql = (
        f"with {statistics.kaplan_meier('units', ('curve',))} "
        "select curve, duration, events, at_risk, survival, lower, upper from km_curve order by curve, duration"
    )
    drawn: list[list[Step]] = [[] for _ in samples]
    for curve, *step in con.execute(sql).fetchall():
        drawn[curve].append(tuple(step))
    return drawn


def quantiles(con: duckdb.DuckDBPyConnection, samples: Sequence[Units], left: str) -> list[int | None]:
    load(con, samples)
    sql = (
        f"with {statistics.kaplan_meier('units', ('curve',))} "
        f"select {statistics.km_quantile('survival', left)} from km_curve group by curve order by curve"
    )
    return [row[0] for row in con.execute(sql).fetchall()]


def load(con: duckdb.DuckDBPyConnection, samples: Sequence[Units]) -> None:
    rows = [(curve, *unit) for curve, units in enumerate(samples) for unit in units]
    columns = [list(column) for column in zip(*rows, strict=True)]
    con.execute("delete from units")
    con.execute("insert into units select unnest(?::integer[]), unnest(?::bigint[]), unnest(?::boolean[])", columns)


def exact_survival(units: Units) -> list[tuple[int, Fraction]]:
    """Kaplan-Meier in whole numbers: no rounding anywhere."""
    survival, steps = Fraction(1), []
    for time in sorted({duration for duration, _ in units}):
        at_risk = sum(duration >= time for duration, _ in units)
        survival *= 1 - Fraction(sum(duration == time and event for duration, event in units), at_risk)
        steps.append((time, survival))
    return steps


def exact_quantile(units: Units, left: Fraction) -> int | None:
    return next((time for time, survival in exact_survival(units) if survival <= left), None)


def random_samples(seed: int, count: int) -> list[Units]:
    """Censored samples of 1 to 80 units; some full of ties, some all ended, some all waiting."""
    random = Random(seed)
    samples = []
    for _ in range(count):
        longest, ended = random.choice((5, 40, 1_000_000)), random.choice((0.0, 0.3, 0.7, 0.95, 1.0))
        samples.append([(random.randint(0, longest), random.random() < ended) for _ in range(random.randint(1, 80))])
    return samples


def fitted(units: Units) -> list[tuple[float, float, float, int]]:
    """Survival, lower, upper and at risk by lifelines at each duration."""
    durations, events = zip(*units, strict=True)
    fit = KaplanMeierFitter().fit(durations, events)
    intervals = fit.confidence_interval_survival_function_
    table = fit.event_table["at_risk"]
    times = sorted(set(durations))
    return [
        (fit.survival_function_.iloc[:, 0][t], intervals.iloc[:, 0][t], intervals.iloc[:, 1][t], int(table[t]))
        for t in times
    ]


def test_curves_equal_lifelines(con: duckdb.DuckDBPyConnection) -> None:
    samples = random_samples(seed=1, count=60)
    for units, drawn in zip(samples, curves(con, samples), strict=True):
        expected = fitted(units)
        assert len(drawn) == len(expected)
        for (_, _, at_risk, *found), (*wanted, wanted_at_risk) in zip(drawn, expected, strict=True):
            assert at_risk == wanted_at_risk
            assert found == EXACT(wanted, abs=1e-9)


def test_lattice_of_ties_equals_exact_fractions(con: duckdb.DuckDBPyConnection) -> None:
    samples = random_samples(seed=2, count=200)
    for units, drawn in zip(samples, curves(con, samples), strict=True):
        exact = exact_survival(units)
        assert [step[0] for step in drawn] == [time for time, _ in exact]
        assert [step[3] for step in drawn] == EXACT([float(survival) for _, survival in exact], abs=1e-12)


@pytest.mark.parametrize(("left", "share"), [("0.5", Fraction(1, 2)), ("0.1", Fraction(1, 10))])
def test_quantiles_equal_exact_fractions(con: duckdb.DuckDBPyConnection, left: str, share: Fraction) -> None:
    """Median and P90. A product of doubles can land above one half where it should be one half exactly."""
    random = Random(3)
    even = [[(time, True) for time in range(1, n + 1)] for n in range(2, 192, 2)]
    shuffled = [random.sample(units, len(units)) for units in even]
    samples = [*shuffled, *random_samples(seed=4, count=200)]
    assert quantiles(con, samples, left) == [exact_quantile(units, share) for units in samples]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 12), st.booleans()), min_size=1, max_size=30))
def test_medians_of_any_sample(con: duckdb.DuckDBPyConnection, units: list[tuple[int, bool]]) -> None:
    assert quantiles(con, [units], "0.5") == [exact_quantile(units, Fraction(1, 2))]


def test_without_censoring_the_curve_is_one_minus_the_share_that_ended(con: duckdb.DuckDBPyConnection) -> None:
    random = Random(5)
    units = [(random.randint(0, 50), True) for _ in range(400)]
    (drawn,) = curves(con, [units])
    for duration, _, _, survival, *_ in drawn:
        assert survival == EXACT(sum(time > duration for time, _ in units) / 400, abs=1e-12)


def test_curves_at_the_edges(con: duckdb.DuckDBPyConnection) -> None:
    one_event, one_waiting, all_waiting, exhausted = curves(
        con, [[(5, True)], [(5, False)], [(1, False), (2, False)], [(1, True), (2, False), (3, True)]]
    )
    assert one_event == [(5, 1, 1, 0.0, 0.0, 0.0)]
    assert one_waiting == [(5, 0, 1, 1.0, 1.0, 1.0)]
    assert all_waiting == [(1, 0, 2, 1.0, 1.0, 1.0), (2, 0, 1, 1.0, 1.0, 1.0)]
    assert exhausted[-1] == (3, 1, 1, 0.0, 0.0, 0.0)
    assert exhausted[0][3] == EXACT(2 / 3)
    assert quantiles(con, [[(5, True)], [(5, False)]], "0.5") == [5, None]


# --- through a KPI ---------------------------------------------------------------------------------------------


def asked(kpi: Kpi, units: Units) -> dict[str, object]:
    """One value of a Kaplan-Meier KPI over the given units."""
    entry = replace(kpi, rows="units", time="day", denominator="true", duration="duration", event="is_event")
    question = kpi_sql.Question(Filter(date(2025, 1, 1), date(2025, 1, 1)), (), "total", date(2025, 1, 1))
    with engines.open_memory() as con:
        con.execute("create table units (curve integer, duration bigint, is_event boolean)")
        load(con, [units])
        con.execute("alter table units add column day date default date '2025-01-01'")
        wanted = kpi_sql.value_query(entry, question)
        found = con.execute(wanted.sql, list(wanted.binds))
        names = [column[0] for column in found.description or ()]
        (row,) = found.fetchall()
    return dict(zip(names, row, strict=True))


TIME, SHARE = load_kpis()["resolution_time"], replace(load_kpis()["repurchase_90d"], horizon=10)


def test_limits_of_a_median_are_where_the_interval_crosses_one_half() -> None:
    units = [(time, time % 4 > 0) for time in range(1, 61)]
    durations, events = zip(*units, strict=True)
    band = KaplanMeierFitter().fit(durations, events).confidence_interval_survival_function_
    value = asked(TIME, units)
    assert value["value"] == exact_quantile(units, Fraction(1, 2))
    assert (value["lower"], value["upper"]) == tuple(band.index[band.iloc[:, side] <= 0.5][0] for side in (0, 1))
    assert (value["numerator"], value["denominator"], value["n"], value["state"]) == (45, 60, 60, "ok")


def test_a_median_of_few_has_no_upper_limit_rather_than_a_false_one() -> None:
    """With three units the upper limit of S never falls to one half before the curve ends."""
    value = asked(TIME, [(1, True), (2, True), (3, True)])
    assert (value["value"], value["lower"], value["upper"]) == (2, 1, None)


def test_a_share_with_everyone_matured_is_plain_and_carries_wilson() -> None:
    units = [(time, time <= 12) for time in range(1, 41)]
    value = asked(SHARE, units)
    assert (value["value"], value["numerator"], value["n"], value["state"]) == (10 / 40, 10, 40, "ok")
    assert (value["lower"], value["upper"]) == EXACT(proportion_confint(10, 40, method="wilson"), abs=1e-12)


def test_a_share_with_some_waiting_is_kaplan_meier_and_provisional() -> None:
    units = [(time % 15, time % 3 > 0) for time in range(45)]
    fit = KaplanMeierFitter().fit(*zip(*units, strict=True))
    band = fit.confidence_interval_survival_function_.loc[:10].iloc[-1]
    value = asked(SHARE, units)
    assert value["value"] == EXACT(1 - fit.predict(10), abs=1e-9)
    assert (value["lower"], value["upper"]) == EXACT((1 - band.iloc[1], 1 - band.iloc[0]), abs=1e-9)
    assert value["state"] == "provisional"


def test_a_share_whose_curve_ended_is_not_certain() -> None:
    """The last one at risk came back: S is 0, but that rests on one unit."""
    value = asked(SHARE, [*((2, False) for _ in range(40)), (1, True), (5, True)])
    assert value["value"] == 1.0
    assert value["upper"] == 1.0
    assert float(str(value["lower"])) < 0.1


def test_a_share_without_events_has_a_width() -> None:
    value = asked(SHARE, [*((3, False) for _ in range(20)), *((30, False) for _ in range(20))])
    assert (value["value"], value["numerator"], value["state"]) == (0.0, 0, "provisional")
    assert (value["lower"], value["upper"]) == EXACT(proportion_confint(0, 40, method="wilson"), abs=1e-12)


def test_a_time_that_is_not_reached_is_said_to_be_so() -> None:
    value = asked(TIME, [*((9, False) for _ in range(30)), (1, True)])
    assert (value["value"], value["upper"], value["state"]) == (None, None, "not_reached")


# --- intervals -------------------------------------------------------------------------------------------------


def computed(expressions: Sequence[str], columns: dict[str, Sequence[object]]) -> list[tuple[float | None, ...]]:
    with engines.open_memory() as con:
        names = ", ".join(
            f"unnest(?::{type_}) as {name}" for name, type_ in zip(columns, TYPES[: len(columns)], strict=True)
        )
        return con.execute(
            f"select {', '.join(expressions)} from (select {names})", list(columns.values())
        ).fetchall()


TYPES = ("decimal(38, 4)[]", "decimal(38, 8)[]", "bigint[]")


def test_wilson_equals_statsmodels_and_scipy() -> None:
    pairs = [(k, n) for n in (1, 2, 3, 10, 29, 30, 400, 1_000_000) for k in sorted({0, 1, n // 3, n // 2, n - 1, n})]
    with engines.open_memory() as con:
        lower, upper = statistics.wilson("k", "n")
        found = con.execute(
            f"select {lower}, {upper} from (select unnest(?::bigint[]) as k, unnest(?::bigint[]) as n)",
            [[k for k, _ in pairs], [n for _, n in pairs]],
        ).fetchall()
    for (k, n), interval in zip(pairs, found, strict=True):
        assert interval == EXACT(proportion_confint(k, n, method="wilson"), abs=1e-12), (k, n)
        by_scipy = stats.binomtest(k, n).proportion_ci(0.95, method="wilson")
        assert interval == EXACT((by_scipy.low, by_scipy.high), abs=1e-12), (k, n)
        assert 0 <= interval[0] <= k / n <= interval[1] <= 1


def test_wilson_of_nothing_is_null() -> None:
    with engines.open_memory() as con:
        lower, upper = statistics.wilson("k", "n")
        assert con.execute(f"select {lower}, {upper} from (select 0 as k, 0 as n)").fetchone() == (None, None)


def test_mean_interval_equals_numpy() -> None:
    random = np.random.default_rng(6)
    samples = [random.integers(1, 6, size=n) for n in (1, 2, 5, 30, 4_000)] + [np.full(50, 3)]
    expressions = statistics.mean_interval("total", "squares", "n")
    sums = {
        "total": [str(sample.sum()) for sample in samples],
        "squares": [str((sample**2).sum()) for sample in samples],
        "n": [len(sample) for sample in samples],
    }
    z = stats.norm.ppf(0.975)
    for sample, interval in zip(samples, computed(expressions, sums), strict=True):
        if len(sample) == 1:
            assert interval == (None, None)
            continue
        half = z * sample.std(ddof=1) / math.sqrt(len(sample))
        assert interval == EXACT((sample.mean() - half, sample.mean() + half), abs=1e-9)


def test_nps_interval_equals_numpy_and_the_figures_of_the_definition() -> None:
    """kpis.md e.5: 60 % promoters and 25 % detractors give about 8.4 points either way at n = 400."""
    shares = [(240, 100, 400), (30, 13, 50), (0, 0, 10), (10, 0, 10), (3, 4, 7)]
    samples = [np.array([1] * up + [-1] * down + [0] * (n - up - down)) for up, down, n in shares]
    expressions = statistics.nps_interval("points", "scored", "n")
    sums = {
        "points": [str(sample.sum()) for sample in samples],
        "scored": [str((sample**2).sum()) for sample in samples],
        "n": [len(sample) for sample in samples],
    }
    found = computed(expressions, sums)
    for sample, interval in zip(samples, found, strict=True):
        half = 100 * stats.norm.ppf(0.975) * sample.std() / math.sqrt(len(sample))
        centre = 100 * sample.mean()
        assert interval == EXACT((max(-100, centre - half), min(100, centre + half)), abs=1e-9)
    assert (found[0][1] - found[0][0]) / 2 == EXACT(8.36, abs=0.01)
