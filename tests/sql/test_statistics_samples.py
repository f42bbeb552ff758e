"""Resampling, shrinkage and weighting in SQL, by hand and against numpy and scipy."""

import numpy as np
import pytest
from scipy import stats

from ingestion.warehouse import engines
from ingestion.warehouse import statistics_bootstrap as bootstrap
from ingestion.warehouse import statistics_shrinkage as shrinkage
from ingestion.warehouse import statistics_weighting as weighting

EXACT = pytest.approx


# --- bootstrap -----------------------------------------------------------------------------------------------------


def test_weights_are_poisson_and_independent() -> None:
    """300 draws of 1,000 units: frequencies, and no draw or unit that always has more than its share."""
    weight = bootstrap.poisson_weight(7, "draw", "unit")
    with engines.open_memory() as con:
        con.execute(
            f"create table weights as select draw, unit, {weight} as weight "
            "from (select unnest(range(300)) as draw), (select unnest(range(1000)) as unit)"
        )
        shares = con.execute("select weight, count(*) / 3e5 from weights group by all order by weight").fetchall()
        spreads = con.execute(
            "select (select var_samp(s) / 1000 from (select sum(weight) as s from weights group by draw)), "
            "(select var_samp(s) / 300 from (select sum(weight) as s from weights group by unit))"
        ).fetchone()
    for count, share in shares[:5]:
        assert share == EXACT(float(stats.poisson.pmf(count, 1)), abs=4 * np.sqrt(0.25 / 3e5))
    # Variances of sums of independent weights are 1 a weight: within three standard errors, sqrt(2 / 300) and (1000).
    assert spreads == EXACT((1.0, 1.0), abs=3 * np.sqrt(2 / 300))


SAMPLE = np.round(np.random.default_rng(3).lognormal(3, 1, 400), 3)


def interval(statistic: str, seed: int, order: str = "id", draws: int = 999) -> tuple[float, float, float]:
    with engines.open_memory() as con:
        con.execute(
            f"create table units as select * from (select unnest(range({len(SAMPLE)})) as id, "
            f"unnest(?::double[]) as x, unnest(?::double[]) as weight) order by {order}",
            [SAMPLE.tolist(), (1 + np.arange(len(SAMPLE)) % 3).tolist()],
        )
        found = con.execute(
            f"with {bootstrap.bootstrap('units', (), 'id', statistic, seed, draws)} "
            "select value, lower, upper from bt_interval"
        ).fetchone()
    assert found is not None
    return found


@pytest.mark.parametrize("statistic", bootstrap.STATISTICS)
def test_percentile_intervals_lie_where_scipys_do(statistic: str) -> None:
    value, lower, upper = interval(statistic, 1)
    weight = 1.0 + np.arange(len(SAMPLE)) % 3
    functions = {
        "mean": lambda i: SAMPLE[i].mean(),
        "median": lambda i: np.sort(SAMPLE[i])[(len(i) - 1) // 2],
        "ratio": lambda i: SAMPLE[i].sum() / weight[i].sum(),
    }
    at = functions[statistic]
    assert value == EXACT(at(np.arange(len(SAMPLE))))
    expected = stats.bootstrap(
        (np.arange(len(SAMPLE)),), at, n_resamples=999, method="percentile", vectorized=False, rng=5
    ).confidence_interval
    # Two bootstraps of 999 draws differ by their own chance: a fifth of the width is four times that.
    width = expected.high - expected.low
    assert (lower, upper) == EXACT((expected.low, expected.high), abs=0.2 * width)


def test_the_same_seed_gives_the_same_interval_in_any_order() -> None:
    assert interval("median", 5, draws=99) == interval("median", 5, order="hash(id)", draws=99)
    assert interval("median", 5, draws=99) != interval("median", 6, draws=99)


def test_a_statistic_that_nobody_knows_is_refused() -> None:
    with pytest.raises(ValueError, match="mode"):
        bootstrap.bootstrap("units", (), "id", "mode", 1)


# --- shrinkage -----------------------------------------------------------------------------------------------------


def shrunken(groups: list[tuple[str, str, int, int]]) -> list[dict[str, object]]:
    with engines.open_memory() as con:
        con.execute(
            "create table groups as select unnest(?::varchar[]) as team, unnest(?::varchar[]) as agent, "
            "unnest(?::bigint[]) as numerator, unnest(?::bigint[]) as denominator",
            [list(column) for column in zip(*groups, strict=True)],
        )
        sql = f"with {shrinkage.shrinkage('groups', 'agent', ('team',))} "
        return con.sql(sql + "select * from eb_ranks order by team, rank, agent").pl().to_dicts()


def test_shares_are_shrunken_as_moments_say() -> None:
    """Kleinman's moments in numpy; the posterior's ends from scipy."""
    random = np.random.default_rng(2)
    n = random.integers(20, 200, 40)
    k = random.binomial(n, random.beta(16, 4, 40))
    found = shrunken([("a", f"g{i:02}", int(k[i]), int(n[i])) for i in range(40)])
    total, share = n.sum(), k.sum() / n.sum()
    spread = (n * (k / n - share) ** 2).sum() / (share * (1 - share))
    rho = (spread - 39) / (total - (n**2).sum() / total - 39)
    prior = 1 / rho - 1
    assert 5 < prior < 80  # the truth is 20
    for row in found:
        i = int(str(row["agent"])[1:])
        a, b = k[i] + prior * share, n[i] - k[i] + prior * (1 - share)
        # The funnel: two-sided 95 % around the share of all, half a unit wider for being counted in whole units.
        half = 1.959963984540054 * np.sqrt(share * (1 - share) / n[i]) + 0.5 / n[i]
        assert (row["funnel_lower"], row["funnel_upper"]) == EXACT((share - half, min(1.0, share + half)))
        assert row["is_outside"] == (abs(k[i] / n[i] - share) > half)
        assert row["prior_n"] == EXACT(prior)
        assert row["shrunken"] == EXACT(a / (a + b))
        assert (row["lower"], row["upper"]) == EXACT(tuple(stats.beta.ppf([0.025, 0.975], a, b)), abs=2e-3)


def test_two_of_two_is_no_star() -> None:
    """The raw list has B first with 100 %; by what that proves it stands behind A and may take almost any place."""
    found = shrunken([("t", "A", 196, 200), ("t", "B", 2, 2), ("t", "C", 150, 200), ("t", "D", 170, 200)])
    assert [row["agent"] for row in found] == ["A", "B", "D", "C"]
    by_agent = {row["agent"]: row for row in found}
    assert (by_agent["A"]["rank_lower"], by_agent["C"]["rank_upper"]) == (1, 4)
    assert by_agent["B"]["rank_lower"] == 1
    assert by_agent["B"]["rank_upper"] >= 3
    assert by_agent["A"]["is_outside"]
    assert by_agent["C"]["is_outside"]
    assert not by_agent["B"]["is_outside"]


def test_teams_are_compared_within_themselves() -> None:
    found = shrunken([("x", "A", 90, 100), ("x", "B", 80, 100), ("y", "C", 10, 100), ("y", "D", 20, 100)])
    assert [(row["team"], row["agent"], row["rank"]) for row in found] == [
        ("x", "A", 1), ("x", "B", 2), ("y", "D", 1), ("y", "C", 2),
    ]  # fmt: skip
    assert [row["expected"] for row in found] == [0.85, 0.85, 0.15, 0.15]


def test_all_alike_and_all_perfect_have_no_stars() -> None:
    for hits in (70, 100):
        for row in shrunken([("t", str(i), hits, 100) for i in range(5)]):
            assert row["shrunken"] == EXACT(hits / 100)
            assert (row["rank_lower"], row["rank_upper"], row["is_outside"]) == (1, 5, False)
            assert float(str(row["lower"])) - 1e-9 <= hits / 100 <= float(str(row["upper"])) + 1e-9


def test_hard_cases_are_no_fault_of_who_takes_them() -> None:
    """Easy cases end well in 9 of 10, hard ones in 5 of 10, whoever has them: A has easy ones, B hard ones."""
    rows = [("A", "easy", i < 45) for i in range(50)] + [("A", "hard", i < 5) for i in range(10)]
    rows += [("B", "easy", i < 9) for i in range(10)] + [("B", "hard", i < 25) for i in range(50)]
    with engines.open_memory() as con:
        con.execute(
            "create table units as select unnest(?::varchar[]) as agent, unnest(?::varchar[]) as scene, "
            "unnest(?::boolean[]) as is_good",
            [list(column) for column in zip(*rows, strict=True)],
        )
        found = con.execute(
            f"with {shrinkage.case_mix('units', 'agent', ('scene',), 'is_good')} "
            "select agent, denominator, observed, foreseen, standardised from cm_groups order by agent"
        ).fetchall()
    # foreseen: A 50 * 0.9 + 10 * 0.5 = 50, B 10 * 0.9 + 50 * 0.5 = 34; all: 84 / 120 = 0.7
    assert found == [("A", 60, 50, EXACT(50), EXACT(0.7)), ("B", 60, 34, EXACT(34), EXACT(0.7))]


# --- weighting -----------------------------------------------------------------------------------------------------


def weighted(
    rows: list[tuple[str, str, float | None]], least: str = "0", most: str = "1"
) -> list[tuple[object, ...]]:
    with engines.open_memory() as con:
        con.execute(
            "create table asked as select unnest(?::varchar[]) as area, unnest(?::varchar[]) as outcome, "
            "unnest(?::double[]) as score",
            [list(column) for column in zip(*rows, strict=True)],
        )
        return con.execute(
            f"with {weighting.post_stratified('asked', ('outcome',), least, most, ('area',))} "
            "select asked, answered, raw, weighted, lower, upper, bound_lower, bound_upper, uncovered "
            "from ps_result order by area"
        ).fetchall()


def test_those_who_answered_stand_for_those_alike() -> None:
    """kept: 80 asked, 40 answer, 36 of them satisfied. broken: 20 asked, 5 answer, 1 satisfied.

    raw 37/45 = 0.822; weighted (80 * 0.9 + 20 * 0.2) / 100 = 0.76.
    variance: 0.8^2 * (0.9 * 0.1 * 40/39) / 40 + 0.2^2 * (0.2 * 0.8 * 5/4) / 5 = 0.00147692 + 0.0016 = 0.00307692
    half 1.959964 * 0.0554700 = 0.108719. Bounds: 37/100 and (37 + 55)/100.
    """
    rows = [("n", "kept", 1.0)] * 36 + [("n", "kept", 0.0)] * 4 + [("n", "kept", None)] * 40
    rows += [("n", "broken", 1.0)] + [("n", "broken", 0.0)] * 4 + [("n", "broken", None)] * 15
    found = weighted(rows)
    assert found == [
        (100, 45, EXACT(37 / 45), EXACT(0.76), EXACT(0.651281), EXACT(0.868719), EXACT(0.37), EXACT(0.92), 0)
    ]


def test_strata_without_an_answer_are_told() -> None:
    rows = [("n", "kept", 1.0), ("n", "kept", 0.0), ("n", "broken", None), ("n", "broken", None)]
    *_, uncovered = weighted(rows)[0]
    assert (weighted(rows)[0][3], uncovered) == (EXACT(0.5), EXACT(0.5))


def test_nobody_answered_is_nothing_but_the_bounds() -> None:
    rows = [("n", "kept", None), ("s", "kept", 4.0)]
    silent, single = weighted(rows, "1", "5")
    assert silent == (1, 0, None, None, None, None, 1, 5, 1)
    # One answer has a mean and no interval.
    assert single == (1, 1, 4, 4, None, None, 4, 4, 0)
