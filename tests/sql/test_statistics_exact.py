"""Exact intervals in SQL equal those of scipy and statsmodels, within the error that their module states."""

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.proportion import proportion_confint
from statsmodels.stats.rates import confint_poisson, confint_poisson_2indep

from ingestion.warehouse import engines, statistics_exact

EXACT = pytest.approx


def computed(expressions: tuple[str, ...], **columns: list[float]) -> list[tuple[float | None, ...]]:
    """The expressions for each row of the columns (whole numbers as bigint)."""
    types = {
        name: "bigint" if all(isinstance(x, int) for x in column) else "double" for name, column in columns.items()
    }
    unnested = ", ".join(f"unnest(?::{types[name]}[]) as {name}" for name in columns)
    with engines.open_memory() as con:
        return con.execute(
            f"select {', '.join(expressions)} from (select {unnested})", list(columns.values())
        ).fetchall()


COUNTS = [*range(131), 150, 200, 999, 12_345, 1_000_000, 10_000_000]


def test_poisson_limits_are_garwoods() -> None:
    found = computed(statistics_exact.poisson_interval("k", "e"), k=COUNTS, e=[2.5] * len(COUNTS))
    for count, interval in zip(COUNTS, found, strict=True):
        expected = (stats.gamma.ppf(0.025, count) / 2.5 if count else 0.0, stats.gamma.isf(0.025, count + 1) / 2.5)
        assert interval == EXACT(expected, rel=1e-9 if count <= 100 else 3e-9), count
        by_statsmodels = confint_poisson(count, 2.5, method="exact-c")
        assert interval == EXACT(by_statsmodels, rel=3e-9), count


def test_no_events_in_a_hundred_are_not_no_risk() -> None:
    """The rule of three, exactly: -ln(0.025) = 3.6889."""
    assert computed(statistics_exact.poisson_interval("k", "e"), k=[0], e=[100.0])[0] == EXACT(
        (0, 0.036889), abs=1e-6
    )


def test_a_rate_without_exposure_has_no_interval() -> None:
    expressions = statistics_exact.poisson_interval("k", "e")
    assert computed(expressions, k=[0, 3], e=[0.0, 0.0]) == [(None, None)] * 2
    with engines.open_memory() as con:
        assert con.execute(f"select {', '.join(expressions)} from (select null as k, 1 as e)").fetchone() == (
            None,
            None,
        )


SIZES = (1, 2, 3, 10, 30, 399, 400, 401, 403, 1_000, 100_000, 10_000_000)


def test_clopper_pearson_equals_scipy_and_statsmodels() -> None:
    edges = (0, 1, 2, 7, 100, 200, 201)
    pairs = [
        (k, n) for n in SIZES for k in sorted({*edges, n // 3, n // 2, *(n - one for one in edges)}) if 0 <= k <= n
    ]
    found = computed(statistics_exact.clopper_pearson("k", "n"), k=[k for k, _ in pairs], n=[n for _, n in pairs])
    for (k, n), interval in zip(pairs, found, strict=True):
        within = 1e-8 if min(k, n - k) <= 200 else 2e-6
        assert interval == EXACT(proportion_confint(k, n, method="beta"), abs=within), (k, n)
        if n <= 1_000:
            by_scipy = stats.binomtest(k, n).proportion_ci(0.95, method="exact")
            assert interval == EXACT((by_scipy.low, by_scipy.high), abs=within), (k, n)
    assert computed(statistics_exact.clopper_pearson("k", "n"), k=[0], n=[0]) == [(None, None)]


def test_nineteen_of_twenty_are_not_95_percent() -> None:
    """The interval printed in textbooks: 75.1 to 99.9 %."""
    found = computed(statistics_exact.clopper_pearson("k", "n"), k=[19], n=[20])[0]
    assert found == EXACT((0.7513, 0.9987), abs=5e-5)


def test_rate_ratio_is_the_conditional_exact_one() -> None:
    """The ends solve the binomial test of count among both counts (statsmodels and scipy have the same test)."""
    cases = [(12, 100.0, 5, 80.0), (3, 10.0, 9, 10.0), (0, 50.0, 4, 50.0), (7, 20.0, 0, 20.0), (300, 7.0, 240, 6.0)]
    columns = {name: [case[i] for case in cases] for i, name in enumerate(("k1", "e1", "k0", "e0"))}
    found = computed(statistics_exact.poisson_rate_ratio("k1", "e1", "k0", "e0"), **columns)
    for (k1, e1, k0, e0), (ratio, lower, upper) in zip(cases, found, strict=True):
        share = stats.binomtest(k1, k1 + k0).proportion_ci(0.95, method="exact")
        low, high = (end / (1 - end) * e0 / e1 if end < 1 else None for end in (share.low, share.high))
        assert ratio == (EXACT(k1 / k0 * e0 / e1) if k0 else None)
        assert lower == EXACT(low, rel=1e-5)
        assert upper == (None if high is None else EXACT(high, rel=1e-5))
    # An independent approximation lies near: the score interval of statsmodels.
    by_score = confint_poisson_2indep(300, 7, 240, 6, method="score", compare="ratio")
    assert found[-1][1:] == EXACT(by_score, rel=0.02)


def test_any_expression_may_be_passed_an_aggregate_too() -> None:
    lower, upper = statistics_exact.clopper_pearson("sum(x)", "count(*)")
    with engines.open_memory() as con:
        told = con.execute(f"select {lower}, {upper} from (values (1), (0), (1), (1)) as t(x)").fetchone()
    assert told == EXACT(proportion_confint(3, 4, method="beta"))


def test_the_beta_quantile_is_near_from_two_units_on() -> None:
    """What shrinkage uses for parts that are no whole numbers; the nearer the more units there are."""
    for a, b, within in ((2.0, 5.0, 0.004), (7.5, 30.2, 6e-4), (50.0, 50.0, 1e-5), (800.0, 20.0, 6e-5)):
        for z, share in ((-1.959963984540054, 0.025), (1.959963984540054, 0.975)):
            found = computed((statistics_exact.beta_quantile("a", "b", f"({z}e0)"),), a=[a], b=[b])[0][0]
            assert found == EXACT(float(stats.beta.ppf(share, a, b)), abs=within)
            assert np.isfinite(found)
