"""Differences in SQL equal those of scipy, statsmodels and lifelines; p-values never contradict intervals."""

import numpy as np
import pytest
from lifelines import KaplanMeierFitter
from lifelines.utils import qth_survival_times
from scipy import stats
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import confint_proportions_2indep
from statsmodels.stats.weightstats import CompareMeans, DescrStatsW

from ingestion.warehouse import engines, statistics
from ingestion.warehouse import statistics_differences as differences

EXACT = pytest.approx


def test_newcombe_equals_statsmodels_and_the_paper() -> None:
    cases = [(56, 70, 48, 80), (9, 10, 3, 10), (6, 7, 2, 7), (5, 56, 0, 29), (0, 10, 0, 20), (10, 10, 0, 20)]
    text = differences.newcombe("k1", "n1", "k0", "n0")
    columns = ", ".join(f"unnest(?::bigint[]) as {name}" for name in ("k1", "n1", "k0", "n0"))
    with engines.open_memory() as con:
        found = con.execute(
            f"select {', '.join(text)} from (select {columns})", [list(one) for one in zip(*cases, strict=True)]
        ).fetchall()
    for case, (difference, lower, upper) in zip(cases, found, strict=True):
        k1, n1, k0, n0 = case
        assert difference == EXACT(k1 / n1 - k0 / n0)
        expected = confint_proportions_2indep(*case, method="newcomb", compare="diff")
        assert (lower, upper) == EXACT(expected, abs=1e-12), case
    # Newcombe 1998, table II, method 10, contrast (a) and (e).
    assert found[0][1:] == EXACT((0.0524, 0.3339), abs=5e-5)
    assert found[4][1:] == EXACT((-0.1611, 0.2775), abs=5e-5)


def test_nothing_on_one_side_is_no_difference() -> None:
    with engines.open_memory() as con:
        told = con.execute(f"select {', '.join(differences.newcombe('1', '2', '0', '0'))}").fetchone()
    assert told == (None, None, None)


def welch_of(one: np.ndarray, other: np.ndarray) -> tuple[float | None, ...]:
    sums = [str(part) for x in (one, other) for part in (x.sum(), (x**2).sum(), len(x))]
    with engines.open_memory() as con:
        return con.execute(f"select {', '.join(differences.welch(*sums))}").fetchone() or ()


@pytest.mark.parametrize(("n", "m"), [(3, 3), (5, 40), (30, 30), (400, 25)])
def test_welch_equals_statsmodels_and_scipy(n: int, m: int) -> None:
    random = np.random.default_rng(n)
    one, other = random.normal(3, 1, n), random.normal(2, 4, m)
    difference, lower, upper = welch_of(one, other)
    means = CompareMeans(DescrStatsW(one), DescrStatsW(other))
    expected = means.tconfint_diff(usevar="unequal")
    # The t quantile by powers of 1/freedom is 0.8 % low at 2 degrees, and exact to 1e-5 from 10 on.
    width = (expected[1] - expected[0]) * (0.009 if min(n, m) < 4 else 2e-4)
    assert difference == EXACT(one.mean() - other.mean())
    assert (lower, upper) == EXACT(expected, abs=width)
    by_scipy = stats.ttest_ind(one, other, equal_var=False).confidence_interval()
    assert (lower, upper) == EXACT((by_scipy.low, by_scipy.high), abs=width)


def test_welch_of_values_without_spread_and_of_too_few() -> None:
    assert welch_of(np.full(5, 4.0), np.full(6, 1.0)) == (3.0, 3.0, 3.0)
    assert welch_of(np.array([1.0, 2.0]), np.arange(9.0))[1:] == (None, None)


def test_student_quantiles_are_as_near_as_said() -> None:
    freedom = [2.0, 3.0, 4.0, 5.0, 7.5, 10.0, 30.0, 1e6]
    with engines.open_memory() as con:
        found = con.execute(f"select {differences.student_t('v')} from (select unnest(?::double[]) as v)", [freedom])
        for v, (quantile,) in zip(freedom, found.fetchall(), strict=True):
            within = 0.008 if v < 3 else 0.0015 if v < 4 else 4e-4 if v < 5 else 2e-4 if v < 10 else 1e-5
            assert quantile == EXACT(float(stats.t.ppf(0.975, v)), rel=within)


def test_the_tail_of_the_normal_distribution_equals_scipy() -> None:
    points = [-2.0, 0.0, 1e-9, 0.3, 1.0, 1.959963984540054, 2.999, 3.0, 5.0, 12.0, 30.0]
    with engines.open_memory() as con:
        found = con.execute(f"select {differences.two_sided('z')} from (select unnest(?::double[]) as z)", [points])
        for z, (p,) in zip(points, found.fetchall(), strict=True):
            assert p == EXACT(float(2 * stats.norm.sf(abs(z))), rel=1e-11)


def test_the_p_value_is_5_percent_where_the_interval_touches_zero() -> None:
    """An arrow shows where the interval leaves out zero; the table shows the p-value: they must agree."""
    random = np.random.default_rng(4)
    k = random.integers(0, 40, (500, 2))
    newcombe = differences.newcombe("a", "40", "b", "40")
    with engines.open_memory() as con:
        found = con.execute(
            f"select l, u, {differences.p_value('d', 'l', 'u')} from (select {newcombe[0]} as d, {newcombe[1]} as l, "
            f"{newcombe[2]} as u from (select unnest(?::bigint[]) as a, unnest(?::bigint[]) as b))",
            [k[:, 0].tolist(), k[:, 1].tolist()],
        ).fetchall()
    assert all((p < 0.05) == (lower > 0 or upper < 0) for lower, upper, p in found)
    assert 50 < sum(p < 0.05 for *_, p in found) < 450


def test_p_values_of_no_width_and_of_no_interval() -> None:
    with engines.open_memory() as con:
        told = con.execute(
            f"select {differences.p_value('d', 'l', 'u')} "
            "from (values (1.0, 1.0, 1.0), (0.0, 0.0, 0.0), (1.0, null, 2.0)) as t(d, l, u)"
        ).fetchall()
    assert told == [(0.0,), (1.0,), (None,)]


def test_benjamini_hochberg_equals_statsmodels_in_each_partition() -> None:
    random = np.random.default_rng(9)
    tests = [(part, float(p)) for part in range(4) for p in np.round(random.random(25) ** 3, 3)]  # with ties
    rows = [*tests, (0, None), (7, None)]
    with engines.open_memory() as con:
        con.execute(
            "create table tests as select unnest(?::integer[]) as part, unnest(?::double[]) as p",
            [list(column) for column in zip(*rows, strict=True)],
        )
        found = con.execute(
            f"with {differences.benjamini_hochberg('tests', 'p', ('part',))} "
            "select part, p, p_adjusted from bh_adjusted"
        ).fetchall()
    assert sorted((part, adjusted) for part, p, adjusted in found if p is None) == [(0, None), (7, None)]
    for part in range(4):
        mine = sorted((p, adjusted) for at, p, adjusted in found if at == part and p is not None)
        expected = multipletests([p for p, _ in mine], method="fdr_bh")[1]
        assert [adjusted for _, adjusted in mine] == EXACT(list(expected), abs=1e-12)


# --- Kaplan-Meier --------------------------------------------------------------------------------------------------


def late_units(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Durations, events and entries; half of the units are watched from their start."""
    random = np.random.default_rng(seed)
    entry = np.maximum(0, random.integers(-30, 30, 300))
    return entry + random.integers(1, 60, 300), random.random(300) < 0.7, entry


@pytest.mark.parametrize("seed", range(4))
def test_units_that_come_under_watch_late_equal_lifelines(seed: int) -> None:
    durations, events, entry = late_units(seed)
    with engines.open_memory() as con:
        con.execute(
            "create table units as select 'a' as part, unnest(?::bigint[]) as duration, "
            "unnest(?::boolean[]) as is_event, unnest(?::bigint[]) as entry",
            [durations.tolist(), events.tolist(), entry.tolist()],
        )
        con.execute("insert into units select 'b', duration, is_event, null from units")
        found = con.execute(
            f"with {statistics.kaplan_meier('units', ('part',), 'entry')} "
            "select part, duration, survival, lower, upper, at_risk from km_curve order by part, duration"
        ).fetchall()
        plain = con.execute(
            f"with {statistics.kaplan_meier('units', ('part',))} "
            "select part, duration, survival, lower, upper, at_risk from km_curve where part = 'b' order by duration"
        ).fetchall()
    fitter = KaplanMeierFitter().fit(durations, events, entry=entry)
    ends = fitter.confidence_interval_
    table = fitter.event_table
    late = [row for row in found if row[0] == "a"]
    assert len(late) == len(set(durations.tolist()))
    for _, duration, survival, lower, upper, at_risk in late:
        assert survival == EXACT(fitter.survival_function_.loc[duration].item(), abs=1e-9)
        assert (lower, upper) == EXACT(tuple(ends.loc[duration]), abs=1e-9)
        # lifelines lists who enters at this very duration among those at risk, and leaves them out of its product.
        assert at_risk == table.loc[duration, "at_risk"] - table.loc[duration, "entrance"]
    # Without an entry nothing changes.
    assert [row for row in found if row[0] == "b"] == plain


@pytest.mark.parametrize("left", ["0.5", "0.1"])
def test_intervals_of_median_and_p90_are_those_of_lifelines(left: str) -> None:
    """Where no value of the curve is exactly one half, which lifelines misses (see sql/DECISIONS.md)."""
    random = np.random.default_rng(21)
    durations, events = random.exponential(10, 301), random.random(301) < 0.85
    ends = [statistics.km_quantile(column, left) for column in ("survival", "lower", "upper")]
    with engines.open_memory() as con:
        con.execute(
            "create table units as select unnest(?::double[]) as duration, unnest(?::boolean[]) as is_event",
            [durations.tolist(), events.tolist()],
        )
        found = con.execute(
            f"with {statistics.kaplan_meier('units', ())} select {', '.join(ends)} from km_curve"
        ).fetchone()
    fitter = KaplanMeierFitter().fit(durations, events)
    interval = qth_survival_times(float(left), fitter.confidence_interval_)
    assert found == EXACT((fitter.percentile(float(left)), *interval.iloc[0]))


def test_nobody_is_at_risk_before_coming_under_watch() -> None:
    """By hand: from the start until 4 (event) and 6 (event); from 4 until 5 (event); from 5 until 3: never seen.

    At 4: the unit that enters at 4 is not at risk yet: 1 of 2, S = 1/2. At 5: 1 of 2, S = 1/4. At 6: the last, S = 0.
    """
    with engines.open_memory() as con:
        con.execute(
            "create table units as select * from (values (4, true, 0), (6, true, null), (5, true, 4), (3, true, 5)) "
            "as t(duration, is_event, entry)"
        )
        found = con.execute(
            f"with {statistics.kaplan_meier('units', (), 'entry')} "
            "select duration, events, at_risk, survival from km_curve order by duration"
        ).fetchall()
    assert found == [(4, 1, 2, EXACT(0.5)), (5, 1, 2, EXACT(0.25)), (6, 1, 1, 0.0)]


def test_the_difference_of_two_curves_at_a_horizon() -> None:
    """Each end is made of lifelines' two log(-log) intervals as Newcombe makes his of Wilson's."""
    random = np.random.default_rng(12)
    samples = [(random.exponential(scale, 200), random.random(200) < 0.8) for scale in (10, 18)]
    with engines.open_memory() as con:
        con.execute("create table units (is_now boolean, duration double, is_event boolean)")
        for is_now, (durations, events) in zip((False, True), samples, strict=True):
            con.execute(
                "insert into units select ?, unnest(?::double[]), unnest(?::boolean[])",
                [is_now, durations.tolist(), events.tolist()],
            )
        sql = (
            f"with {statistics.kaplan_meier('units', ('is_now',))}, {differences.km_difference((), 'is_now', '{0}')} "
            "select difference, lower, upper from km_difference"
        )
        found = con.execute(sql.replace("{0}", "7")).fetchone()
        assert con.execute(sql.replace("{0}", "100000")).fetchone() == (None, None, None)
    ends = []
    for durations, events in samples:
        fitter = KaplanMeierFitter().fit(durations, events)
        interval = fitter.confidence_interval_.loc[:7].iloc[-1]
        ends.append((fitter.predict(7), *interval))
    (s0, l0, u0), (s1, l1, u1) = ends
    expected = (s1 - s0, s1 - s0 - np.hypot(s1 - l1, u0 - s0), s1 - s0 + np.hypot(u1 - s1, s0 - l0))
    assert found == EXACT(expected, abs=1e-9)
