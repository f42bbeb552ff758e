"""Effects of measures in SQL equal the regressions of statsmodels; control limits and verdicts by hand."""

from collections.abc import Sequence

import numpy as np
import pytest
import statsmodels.api as sm
from scipy import stats

from ingestion.warehouse import engines
from ingestion.warehouse import statistics_effects as effects

EXACT = pytest.approx


def weekly(seed: int, weeks: int, step: float) -> tuple[np.ndarray, np.ndarray]:
    """A series whose weeks resemble their neighbours, and whether each is after the measure."""
    random = np.random.default_rng(seed)
    noise = np.zeros(weeks)
    for week in range(1, weeks):
        noise[week] = 0.4 * noise[week - 1] + random.normal()
    is_after = np.arange(weeks) >= weeks * 0.6
    return noise + 0.05 * np.arange(weeks) + step * is_after, is_after


def expected_of(columns: Sequence[np.ndarray], y: np.ndarray) -> tuple[float, float, float, float, float]:
    """Step (the second column), Newey and West's error by statsmodels, the larger error, and its 95 % interval."""
    lags = int(np.floor(4 * (len(y) / 100) ** (2 / 9)))
    model = sm.OLS(y, np.column_stack(columns))
    fitted = model.fit(cov_type="HAC", cov_kwds={"maxlags": lags, "use_correction": True}, use_t=True)
    rest, k, n = model.fit().resid, len(columns), len(y)
    seen = (rest[1:] * rest[:-1]).sum() / (rest**2).sum()
    likeness = np.clip(seen + (k + (k + 1) * seen) / n, -0.97, 0.97)
    # The step's variance under a first-order autoregression, from its whole covariance matrix.
    covariance = likeness ** np.abs(np.subtract.outer(np.arange(n), np.arange(n))) * (rest**2).sum() / (n - k)
    inverse = np.linalg.pinv(model.exog)
    error = max(fitted.bse[1], np.sqrt((inverse @ covariance @ inverse.T)[1, 1]))
    half = stats.t.ppf(0.975, n - k) * error
    return fitted.params[1], fitted.bse[1], error, fitted.params[1] - half, fitted.params[1] + half


@pytest.mark.parametrize("has_trend", [True, False])
def test_the_level_change_is_that_of_statsmodels(has_trend: bool) -> None:
    samples = [weekly(seed, weeks, 1.5) for seed, weeks in enumerate((20, 30, 52, 104, 130))]
    rows = [
        (name, week, float(y), bool(after))
        for name, (series, is_after) in enumerate(samples)
        for week, (y, after) in enumerate(zip(series, is_after, strict=True))
    ]
    with engines.open_memory() as con:
        con.execute(
            "create table weeks as select unnest(?::integer[]) as name, unnest(?::integer[]) as week, "
            "unnest(?::double[]) as y, unnest(?::boolean[]) as is_after",
            [list(column) for column in zip(*rows, strict=True)],
        )
        found = con.execute(
            f"with {effects.level_change('weeks', ('name',), has_trend)} "
            "select effect, newey_west_error, standard_error, lower, upper from lc_effect order by name"
        ).fetchall()
    assert len(found) == len(samples)
    for (y, is_after), told in zip(samples, found, strict=True):
        columns = [np.ones(len(y)), is_after.astype(float), *([np.arange(len(y))] if has_trend else [])]
        expected = expected_of(columns, y)
        assert told[:3] == EXACT(expected[:3], rel=1e-9)
        assert told[3:] == EXACT(expected[3:], abs=1e-4 * expected[2])


def test_difference_in_differences_is_the_step_of_the_gap() -> None:
    """A common season of any shape drops out; statsmodels on the gap."""
    gap, is_after = weekly(8, 60, -2.0)
    season = 30 * np.sin(np.arange(60) / 4)
    rows = [
        (week, float(season[week] + (gap[week] if treated else 0)), bool(is_after[week]), treated)
        for week in range(60)
        for treated in (True, False)
    ]
    rows.append((60, 1e6, True, True))  # the last week of the others is missing
    with engines.open_memory() as con:
        con.execute(
            "create table weeks as select unnest(?::integer[]) as week, unnest(?::double[]) as y, "
            "unnest(?::boolean[]) as is_after, unnest(?::boolean[]) as is_treated",
            [list(column) for column in zip(*rows, strict=True)],
        )
        found = con.execute(
            f"with {effects.difference_in_differences('weeks')} "
            "select effect, newey_west_error, standard_error, lower, upper, weeks_before, weeks_after from lc_effect"
        ).fetchone()
    assert found is not None
    expected = expected_of([np.ones(60), is_after.astype(float)], gap)
    assert found[:5] == EXACT(expected, abs=1e-4 * expected[2])
    assert found[5:] == (36, 24)


def test_too_few_weeks_have_an_effect_and_no_interval() -> None:
    with engines.open_memory() as con:
        told = con.execute(
            "with weeks as (select range as week, range % 3 as y, range >= 20 as is_after from range(27)), "
            f"{effects.level_change('weeks')} select effect is null, lower, upper from lc_effect"
        ).fetchone()
    assert told == (False, None, None)


VERDICTS = [
    # effect, lower, upper, better, needed, verdict
    (2.0, 0.5, 3.5, "higher", "0", "effective"),
    (2.0, 0.5, 3.5, "lower", "0", "ineffective"),
    (-2.0, -3.5, -0.5, "lower", "0", "effective"),
    (0.1, -0.2, 0.4, "higher", "0", "inconclusive"),
    (0.1, -0.2, 0.4, "higher", "0.5", "ineffective"),  # an improvement of 0.5 is ruled out
    (-0.1, -0.4, 0.2, "lower", "0.5", "ineffective"),
    (0.1, -0.2, 0.9, "higher", "0.5", "inconclusive"),
    (2.0, None, None, "higher", "0", "inconclusive"),
]


@pytest.mark.parametrize(("effect", "lower", "upper", "better", "needed", "verdict"), VERDICTS)
def test_a_verdict_is_what_the_whole_interval_says(
    effect: float, lower: float | None, upper: float | None, better: str, needed: str, verdict: str
) -> None:
    with engines.open_memory() as con:
        told = con.execute(
            f"select {effects.verdict('e', 'l', 'u', better, needed)} "
            "from (select ?::double as e, ?::double as l, ?::double as u)",
            [effect, lower, upper],
        ).fetchone()
    assert told == (verdict,)


def test_better_is_one_of_two_words() -> None:
    with pytest.raises(ValueError, match="sideways"):
        effects.verdict("e", "l", "u", "sideways")


def test_control_limits_are_those_of_the_textbook() -> None:
    """10, 12, 11, 13, 9: mean 11, moving ranges 2, 1, 2, 4, mean 2.25: limits 11 - 5.985 and 11 + 5.985."""
    with engines.open_memory() as con:
        found = con.execute(
            "with points as (select * from (values ('a', 1, 10), ('a', 2, 12), ('a', 3, 11), ('a', 4, 13), "
            "('a', 5, 9), ('a', 6, 17), ('a', 7, 16)) as t(name, spot, y)), "
            f"{effects.xmr('points', ('name',), 'spot', 'spot <= 5')} "
            "select centre, lower, upper, is_signal from xmr_points order by spot"
        ).fetchall()
    assert found[0][:3] == EXACT((11, 5.015, 16.985))
    assert [signal for *_, signal in found] == [False] * 5 + [True, False]
