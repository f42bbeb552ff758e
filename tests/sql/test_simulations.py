"""The statistics on made-up worlds whose truth is known: how often they are right, and whom they accuse falsely.

Each simulation runs small with every test run, with bounds as wide as its few draws need, and in full under `soak`.
Every assertion allows for its own simulation error: three binomial standard errors of the number of runs, or three
standard errors of a mean. `--log-cli-level=INFO` tells the figures.
"""

import logging
from collections.abc import Sequence
from math import sqrt

import numpy as np
import polars as pl
import pytest

from ingestion.warehouse import engines, statistics, statistics_differences, statistics_effects, statistics_exact
from ingestion.warehouse import statistics_shrinkage as shrinkage
from ingestion.warehouse import statistics_weighting as weighting

FULL = pytest.mark.soak


def answers(sql: str, **tables: pl.DataFrame) -> list[tuple[float, ...]]:
    with engines.open_memory() as con:
        for name, table in tables.items():
            con.register(name, table.to_arrow())
        return con.execute(sql).fetchall()


def tell(*figures: object) -> None:
    logging.getLogger(__name__).info(" ".join(map(str, figures)))


def error(share: float, runs: int) -> float:
    """Three standard errors of a share seen in so many runs."""
    return 3 * sqrt(share * (1 - share) / runs)


def sizes(small: int, full: int) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("runs", [small, pytest.param(full, marks=FULL)])


# --- intervals: how often the truth lies inside ---------------------------------------------------------------------


def covered(interval: tuple[str, str], draws: pl.DataFrame) -> dict[int, float]:
    """Share of the draws whose interval holds `truth`, by `world`; equal draws are computed once."""
    sql = f"""
    with counted as (
        select *, count(*) as draws from drawn group by all
    )
    select world, sum(draws) filter (where truth between {interval[0]} and {interval[1]}) / sum(draws)
    from counted group by world order by world"""
    return {int(world): float(share) for world, share in answers(sql, drawn=draws)}


def binomials(worlds: Sequence[tuple[int, float]], runs: int, seed: int) -> pl.DataFrame:
    random = np.random.default_rng(seed)
    return pl.concat(
        pl.DataFrame({"world": i, "truth": p, "k": random.binomial(n, p, runs), "n": n}, strict=False)
        for i, (n, p) in enumerate(worlds)
    )


@sizes(400, 20_000)
def test_clopper_pearson_covers_at_least_95_percent(runs: int) -> None:
    worlds = [(5, 0.5), (20, 0.02), (20, 0.3), (100, 0.95), (400, 0.5), (3_000, 0.9)]
    found = covered(statistics_exact.clopper_pearson("k", "n"), binomials(worlds, runs, 1))
    tell("clopper-pearson", found)
    assert min(found.values()) >= 0.95 - error(0.95, runs)


@sizes(400, 20_000)
def test_poisson_covers_at_least_95_percent(runs: int) -> None:
    random = np.random.default_rng(2)
    means = (0.2, 1.0, 4.5, 30.0, 101.0, 5_000.0)
    draws = pl.concat(
        pl.DataFrame({"world": i, "truth": mean / 2, "k": random.poisson(mean, runs)}, strict=False)
        for i, mean in enumerate(means)
    )
    found = covered(statistics_exact.poisson_interval("k", "2"), draws)
    tell("poisson", found)
    assert min(found.values()) >= 0.95 - error(0.95, runs)


@sizes(400, 20_000)
def test_wilson_covers_93_to_97_percent_from_30_units_and_5_of_each_on(runs: int) -> None:
    worlds = [(30, 0.2), (30, 0.5), (50, 0.1), (100, 0.05), (100, 0.7), (400, 0.95), (2_000, 0.5)]
    found = covered(statistics.wilson("k", "n"), binomials(worlds, runs, 3))
    tell("wilson", found)
    assert min(found.values()) >= 0.93 - error(0.95, runs)
    assert max(found.values()) <= 0.97 + error(0.95, runs)


@sizes(400, 20_000)
def test_newcombe_covers_a_difference(runs: int) -> None:
    worlds = [((30, 0.5), (40, 0.3)), ((50, 0.9), (50, 0.9)), ((100, 0.1), (400, 0.05)), ((200, 0.95), (200, 0.9))]
    random = np.random.default_rng(4)
    draws = pl.concat(
        pl.DataFrame(
            {
                "world": i, "truth": p1 - p0,
                "k1": random.binomial(n1, p1, runs), "n1": n1, "k0": random.binomial(n0, p0, runs), "n0": n0,
            },
            strict=False,
        )
        for i, ((n1, p1), (n0, p0)) in enumerate(worlds)
    )  # fmt: skip
    _, *interval = statistics_differences.newcombe("k1", "n1", "k0", "n0")
    found = covered((interval[0], interval[1]), draws)
    tell("newcombe", found)
    assert min(found.values()) >= 0.93 - error(0.95, runs)
    assert max(found.values()) <= 0.98 + error(0.95, runs)


@sizes(100, 4_000)
def test_greenwood_covers_93_to_97_percent_at_a_horizon(runs: int) -> None:
    """150 waits with a median of 20 h, watched for 5 to 60 h: what is done within 24 h."""
    random = np.random.default_rng(5)
    waits = random.exponential(20 / np.log(2), (runs, 150))
    watched = random.uniform(5, 60, (runs, 150))
    units = pl.DataFrame(
        {
            "run": np.repeat(np.arange(runs), 150),
            "duration": np.minimum(waits, watched).ravel(),
            "is_event": (waits <= watched).ravel(),
        }
    )
    sql = f"""
    with {statistics.kaplan_meier("units", ("run",))},
    ends as (
        select run, {statistics.km_at("lower", "24")} as lower, {statistics.km_at("upper", "24")} as upper
        from km_curve group by run
    )
    select avg(cast({0.5 ** (24 / 20)} between lower and upper as integer)) from ends"""
    found = answers(sql, units=units)[0][0]
    tell("greenwood", found)
    assert 0.93 - error(0.95, runs) <= found <= 0.97 + error(0.95, runs)


# --- waits that are not over ----------------------------------------------------------------------------------------


@sizes(20, 200)
def test_the_median_wait_is_right_where_that_of_closed_tickets_is_far_off(runs: int) -> None:
    """Nights at which the tickets of the last 72 h are looked at; true median 33.3 h, half of them still open."""
    random = np.random.default_rng(6)
    tickets = 1_500
    waits = random.weibull(1.2, (runs, tickets)) * 33.3 / np.log(2) ** (1 / 1.2)
    age = random.uniform(0, 72, (runs, tickets))
    units = pl.DataFrame(
        {
            "night": np.repeat(np.arange(runs), tickets),
            "duration": np.minimum(waits, age).ravel(),
            "is_event": (waits <= age).ravel(),
        }
    )
    sql = f"""
    with {statistics.kaplan_meier("units", ("night",))},
    medians as (select {statistics.km_quantile("survival", "0.5")} as median from km_curve group by night),
    closed as (select median(duration) filter (where is_event) as median from units group by night)
    select (select avg(median) / 33.3 - 1 from medians), (select stddev(median) / 33.3 from medians),
        (select avg(median) / 33.3 - 1 from closed)"""
    bias, spread, closed = answers(sql, units=units)[0]
    tell("median bias", bias, "+-", spread / sqrt(runs), "closed only", closed)
    assert abs(bias) <= 0.02 + 3 * spread / sqrt(runs)
    assert closed < -0.30


# --- effects that are none ------------------------------------------------------------------------------------------


def resembling(random: np.random.Generator, shape: tuple[int, int], likeness: float) -> np.ndarray:
    """Weekly noise in which each week takes over that share of the one before."""
    noise = random.normal(size=shape)
    for week in range(1, shape[1]):
        noise[:, week] = likeness * noise[:, week - 1] + sqrt(1 - likeness**2) * noise[:, week]
    return noise


def verdicts(found: str, weeks: pl.DataFrame, better: str = "higher") -> dict[str, int]:
    verdict = statistics_effects.verdict("effect", "lower", "upper", better)
    return {
        str(name): int(count)
        for name, count in answers(f"with {found} select {verdict}, count(*) from lc_effect group by 1", weeks=weeks)
    }


MOST_FALSE = 0.05
"""What may be called proven where nothing changed; two standard errors of 1,000 runs make it 6.4 %."""


def series_of(y: np.ndarray, first: int) -> pl.DataFrame:
    runs, weeks = y.shape
    week = np.tile(np.arange(weeks), runs)
    return pl.DataFrame(
        {"run": np.repeat(np.arange(runs), weeks), "week": week, "y": y.ravel(), "is_after": week >= first}
    )


@pytest.mark.parametrize("likeness", [0.0, 0.3, 0.5])
@sizes(100, 1_000)
def test_a_step_is_proven_in_few_series_without_one(runs: int, likeness: float) -> None:
    """78 weeks with a trend, of which nothing happens in the 52nd."""
    random = np.random.default_rng(7)
    y = resembling(random, (runs, 78), likeness) + 0.03 * np.arange(78)
    found = verdicts(statistics_effects.level_change("weeks", ("run",)), series_of(y, 52))
    tell("segmented A/A", likeness, found)
    assert found.get("effective", 0) / runs <= MOST_FALSE + 2 * sqrt(0.05 * 0.95 / runs)


@pytest.mark.parametrize("likeness", [0.0, 0.3, 0.5])
@sizes(100, 1_000)
def test_a_gap_is_proven_in_few_pairs_that_stay_alike(runs: int, likeness: float) -> None:
    """52 weeks of two scopes under one season; the measure that changed nothing came in week 30."""
    random = np.random.default_rng(8)
    season = 3 * np.sin(np.arange(52) / 8)
    sides = [
        series_of(resembling(random, (runs, 52), likeness) + season, 30).with_columns(
            pl.lit(side).alias("is_treated")
        )
        for side in (True, False)
    ]
    found = verdicts(statistics_effects.difference_in_differences("weeks", ("run",)), pl.concat(sides))
    tell("did A/A", likeness, found)
    assert found.get("effective", 0) / runs <= MOST_FALSE + 2 * sqrt(0.05 * 0.95 / runs)


@sizes(100, 1_000)
def test_an_effect_of_one_and_a_half_is_found_in_most_series(runs: int) -> None:
    """What the caution costs: a step of 1.5 standard deviations of a week, 52 weeks before and 26 after."""
    random = np.random.default_rng(9)
    weeks = series_of(resembling(random, (runs, 78), 0.3), 52)
    weeks = weeks.with_columns(pl.col("y") + 1.5 * pl.col("is_after"))
    found = verdicts(statistics_effects.level_change("weeks", ("run",)), weeks)
    tell("power", found)
    assert found.get("effective", 0) / runs >= 0.7 - error(0.7, runs)
    assert found.get("ineffective", 0) / runs <= 0.01 + error(0.01, runs)


# --- many at once ---------------------------------------------------------------------------------------------------


@sizes(100, 2_000)
def test_few_of_the_discoveries_are_false(runs: int) -> None:
    """40 segments a run, 8 of which really changed by 15 points; alone, 1.6 of the others would get a star."""
    random = np.random.default_rng(10)
    truth = np.where(np.arange(40) < 8, 0.15, 0.0)
    tests = pl.DataFrame(
        {
            "run": np.repeat(np.arange(runs), 40),
            "is_real": np.tile(truth > 0, runs),
            "k1": random.binomial(200, 0.7 + truth, (runs, 40)).ravel(),
            "k0": random.binomial(200, 0.7, (runs, 40)).ravel(),
        }
    )
    difference, lower, upper = statistics_differences.newcombe("k1", "200", "k0", "200")
    sql = f"""
    with told as (
        select *, {statistics_differences.p_value(difference, lower, upper)} as p from drawn
    ),
    {statistics_differences.benjamini_hochberg("told", "p", ("run",))},
    by_run as (
        select run, count(*) filter (where p_adjusted <= 0.05) as found,
            count(*) filter (where p_adjusted <= 0.05 and not is_real) as wrong,
            count(*) filter (where p <= 0.05 and not is_real) as wrong_alone,
            count(*) filter (where p_adjusted <= 0.05 and is_real) as real
        from bh_adjusted group by run
    )
    select avg(wrong / greatest(found, 1)), stddev(wrong / greatest(found, 1)), avg(real / 8), avg(wrong_alone)
    from by_run"""
    false, spread, found, alone = answers(sql, drawn=tests)[0]
    tell("false discoveries", false, "+-", spread / sqrt(runs), "real ones found", found, "false without", alone)
    assert false <= 0.05 + 3 * spread / sqrt(runs)
    assert found > 0.7


# --- fair comparison ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("skill", [0.6, 0.9, 0.97])
@sizes(20, 400)
def test_equals_do_not_leave_the_funnel(runs: int, skill: float) -> None:
    """60 agents of one skill with 3 to 400 tickets each: whoever is outside is accused, or praised, falsely."""
    random = np.random.default_rng(11)
    n = random.integers(3, 400, (runs, 60))
    groups = pl.DataFrame(
        {
            "run": np.repeat(np.arange(runs), 60),
            "agent": np.tile(np.arange(60), runs),
            "numerator": random.binomial(n, skill).ravel(),
            "denominator": n.ravel(),
        }
    )
    sql = f"""
    with {shrinkage.shrinkage("groups", "agent", ("run",))}
    select avg(cast(is_outside as integer)), avg(cast(rank_lower > 1 or rank_upper < 60 as integer)),
        max(abs(raw - {skill})), max(abs(shrunken - {skill}))
    from eb_ranks"""
    outside, ranked, raw, shrunken = answers(sql, groups=groups)[0]
    tell("funnel", skill, outside, "ranked", ranked, "furthest raw", raw, "shrunken", shrunken)
    assert outside <= 0.05 + error(0.05, runs * 60)
    assert ranked <= 0.05 + error(0.05, runs * 60)
    assert shrunken < raw / 2


@sizes(20, 200)
def test_shrunken_intervals_hold_the_true_skill(runs: int) -> None:
    """60 agents whose skill differs (80 % on average, 4 points standard deviation), 10 to 150 tickets each."""
    random = np.random.default_rng(12)
    skill = random.beta(80, 20, (runs, 60))
    n = random.integers(10, 150, (runs, 60))
    groups = pl.DataFrame(
        {
            "run": np.repeat(np.arange(runs), 60),
            "agent": np.tile(np.arange(60), runs),
            "skill": skill.ravel(),
            "numerator": random.binomial(n, skill).ravel(),
            "denominator": n.ravel(),
        }
    )
    sql = f"""
    with {shrinkage.shrinkage("groups", "agent", ("run",))}
    select avg(cast(skill between lower and upper as integer)),
        avg(pow(raw - skill, 2)), avg(pow(shrunken - skill, 2))
    from eb_groups inner join groups using (run, agent)"""
    held, raw, shrunken = answers(sql, groups=groups)[0]
    tell("shrunken intervals", held, "squared error raw", raw, "shrunken", shrunken)
    assert 0.90 - error(0.95, runs * 60) <= held <= 0.98 + error(0.95, runs * 60)
    assert shrunken < raw / 2


# --- who did not answer ---------------------------------------------------------------------------------------------


@sizes(20, 300)
def test_weighting_takes_away_more_than_half_of_the_error(runs: int) -> None:
    """3,000 customers asked: a kept promise is rated well by 90 % and answered by 45 %, a broken one 40 and 15 %."""
    random = np.random.default_rng(13)
    asked = 3_000
    is_kept = random.random((runs, asked)) < 0.75
    is_fast = random.random((runs, asked)) < np.where(is_kept, 0.8, 0.4)
    is_good = random.random((runs, asked)) < np.where(is_kept, 0.9, 0.4) + np.where(is_fast, 0.03, -0.05)
    has_answered = random.random((runs, asked)) < np.where(is_kept, 0.45, 0.15) + np.where(is_fast, 0.1, 0.0)
    everybody = pl.DataFrame(
        {
            "run": np.repeat(np.arange(runs), asked),
            "is_kept": is_kept.ravel(),
            "is_fast": is_fast.ravel(),
            "score": np.where(has_answered, is_good, np.nan).ravel(),
        }
    ).with_columns(pl.col("score").fill_nan(None))
    truth = pl.DataFrame({"run": np.arange(runs), "truth": is_good.mean(axis=1)})
    sql = f"""
    with {weighting.post_stratified("everybody", ("is_kept", "is_fast"), "0", "1", ("run",))}
    select avg(abs(raw - truth)), avg(abs(weighted - truth)), avg(cast(truth between lower and upper as integer)),
        avg(cast(truth between bound_lower and bound_upper as integer))
    from ps_result inner join truths using (run)"""
    raw, weighted, held, bounded = answers(sql, everybody=everybody, truths=truth)[0]
    tell("non-response: raw error", raw, "weighted", weighted, "interval holds", held)
    assert weighted < raw / 2
    assert bounded == 1
    assert held >= 0.95 - error(0.95, runs)
