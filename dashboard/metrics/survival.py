"""Kaplan-Meier from counts by duration or by cell: the last step, in columns, over however many curves at once.

Within a cell nobody knows who came first. With all events before all censored units the curve lies as high as it
can, with all censored before the events as low as it can; the exact one lies between. Both are drawn: where they say
the same within 1 %, that is the answer, and where they do not, the caller goes to the units themselves. Where a cell
is one duration, the high one is exact: who is censored at the very time of an event was still at risk. Formulas are
those of ingestion/warehouse/statistics.py and kpi_km.py, and a test holds them together.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import polars as pl

from dashboard.metrics import finishing
from dashboard.metrics.finishing import Z
from ingestion.warehouse import cells_grid
from ingestion.warehouse.statistics import HALF_TOLERANCE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ingestion.warehouse.cells import Durations
    from ingestion.warehouse.kpis import Kpi

TIME_BOUND: Final = 0.01
"""How far a time may lie from the exact one, relative to it."""
SHARE_BOUND: Final = 0.001
"""How far a share may lie from the exact one: a tenth of a percentage point."""

_LEAST_TOLD: Final = 0.02
"""The share of the units down to which a curve must be close; charts are cut there, too."""

_HIGH, _LOW = "high", "low"
_ENDS: Final = ("survival", "lower", "upper")
_CURVE: Final = "_curve"
_SLACK: Final = float(HALF_TOLERANCE)


def _curves(counts: pl.DataFrame, groups: Sequence[str], *, is_exact: bool | None) -> pl.DataFrame:
    """The curve of each group, at its highest and its lowest: survival_high, survival_low, lower_high and so on.

    is_exact: whether a cell is one duration; None where the column is_cell tells of each row that it is not.
    """
    at_risk = pl.col("leaving").sum().over(groups) - pl.col("leaving").cum_sum().over(groups) + pl.col("leaving")
    risks = {_HIGH: pl.col("at_risk")}
    if not is_exact:
        waiting = pl.col("leaving") - pl.col("events")
        risks[_LOW] = pl.col("at_risk") - (
            waiting * pl.col("is_cell").cast(pl.Int64) if is_exact is None else waiting
        )
    frame = counts.with_columns(at_risk.alias("at_risk"))
    frame = frame.with_columns(column for side, risk in risks.items() for column in _logarithms(side, risk, groups))
    return frame.with_columns(column for side in risks for column in _curve(side))


def _logarithms(side: str, at_risk: pl.Expr, groups: Sequence[str]) -> tuple[pl.Expr, ...]:
    events = pl.col("events")
    stays = (at_risk > events) & (events > 0)
    risk = at_risk.cast(pl.Float64)
    hazard = pl.when(stays).then((1 - events / risk).log()).otherwise(0.0)
    variance = pl.when(stays).then(events / (risk * (risk - events))).otherwise(0.0)
    # The last one at risk has the event: S is 0 from here on, and its logarithm has no value.
    is_over = ((events == at_risk) & (events > 0)).cast(pl.Int8).cum_max().over(groups)
    return (
        is_over.cast(pl.Boolean).alias(f"is_over_{side}"),
        hazard.cum_sum().over(groups).alias(f"log_{side}"),
        variance.cum_sum().over(groups).alias(f"variance_{side}"),
    )


def _curve(side: str) -> tuple[pl.Expr, ...]:
    is_over, log, variance = (pl.col(f"{name}_{side}") for name in ("is_over", "log", "variance"))
    spread = Z * variance.sqrt() / -log

    def end(sign: int) -> pl.Expr:
        found = (-((-log).log() + sign * spread).exp()).exp()
        return pl.when(is_over).then(0.0).when(log == 0).then(1.0).otherwise(found)

    return (
        pl.when(is_over).then(0.0).otherwise(log.exp()).alias(f"survival_{side}"),
        end(1).alias(f"lower_{side}"),
        end(-1).alias(f"upper_{side}"),
    )


def curve(counts: pl.DataFrame, groups: Sequence[str]) -> tuple[pl.DataFrame, bool]:
    """A curve for a chart, midway between both: the groups, duration, events, at_risk, survival, lower, upper.

    And whether it is as close as a value must be: midway no further than SHARE_BOUND from either, while a fiftieth
    of the units is still at risk; after that a curve is little more than its band. A step stands at its cell's end.
    """
    found = _curves(counts.with_columns(pl.lit(0).alias("_all")), ("_all", *groups), is_exact=False)
    is_told = pl.col("at_risk") >= _LEAST_TOLD * pl.col("at_risk").max().over("_all", *groups)
    far = [(pl.col(f"{name}_{_HIGH}") - pl.col(f"{name}_{_LOW}")).abs() > 2 * SHARE_BOUND for name in _ENDS]
    is_close = found.filter(is_told & pl.any_horizontal(far)).is_empty()
    midway = [((pl.col(f"{name}_{_HIGH}") + pl.col(f"{name}_{_LOW}")) / 2).alias(name) for name in _ENDS]
    return found.select(*groups, pl.col("cell").alias("duration"), "events", "at_risk", *midway), is_close


def told(kpi: Kpi, counts: pl.DataFrame, timed: Durations | None) -> pl.DataFrame:
    """Counts by duration or cell with what `values` needs to know of the KPI in every row.

    timed: what the cells are of; None where each is one exact duration.
    """
    cell, is_cell = counts["cell"].cast(pl.Float64), timed is not None
    shortest = longest = cell
    if kpi.kind == "km_time":
        goal = round(1 - (kpi.quantile or 0.5), 6) + _SLACK
        if timed is not None:
            shortest, longest = cells_grid.bounds(counts["cell"], timed.horizons)
    else:
        goal = float((cells_grid.LIMIT if is_cell else 1) if kpi.limit else kpi.horizon or 0)
    return counts.with_columns(
        cell,
        shortest.cast(pl.Float64).alias("shortest"),
        longest.cast(pl.Float64).alias("longest"),
        pl.lit(is_cell).alias("is_cell"),
        pl.lit(goal).alias("goal"),
        pl.lit(int(kpi.minimum_n)).alias("minimum_n"),
    )


def values(kind: str, counts: pl.DataFrame, groups: Sequence[str]) -> pl.DataFrame:
    """value_query's columns and `is_exact_enough`, of however many KPIs of a kind.

    Args:
        kind: km_time or km_share.
        counts: the groups and the columns of `told`, ordered by groups and cell.
        groups: columns that tell curves apart; at least one.
    """
    # One sorted number tells curves apart: every window would compare the columns of `groups` anew.
    numbered = counts.with_columns(pl.struct(groups).rle_id().set_sorted().alias(_CURVE))
    found = _curves(numbered, (_CURVE,), is_exact=None)
    rows = _times(found, groups) if kind == "km_time" else _shares(found, groups)
    columns = {
        "value": pl.col("value"),
        "numerator": pl.col("numerator"),
        "denominator": pl.col("n"),
        "n": pl.col("n"),
        "lower": pl.col("lower"),
        "upper": pl.col("upper"),
        "state": finishing.state(pl.col("minimum_n"), pl.col("value"), pl.col("n"), pl.col("pending")),
    }
    # What was counted to the second is exact, whatever the bounds say.
    return rows.select(*groups, **columns, is_exact_enough=pl.col("is_exact_enough") | ~pl.col("is_cell"))


def _times(found: pl.DataFrame, groups: Sequence[str]) -> pl.DataFrame:
    def reached(name: str, side: str, edge: str, alias: str) -> pl.Expr:
        is_left = (pl.col(f"{name}_{side}") <= pl.col("goal")) & _informative(name, side)
        if name == "upper" and alias == "from":
            is_left |= _hides_steps(side)
        return pl.col(edge).filter(is_left).min().alias(f"{name}_{alias}")

    ends = [(_LOW, "shortest", "from"), (_HIGH, "longest", "to")]
    rows = found.group_by(_CURVE, maintain_order=True).agg(
        pl.col(groups).first(),
        pl.col("events").sum().alias("numerator"),
        pl.col("leaving").sum().alias("n"),
        pl.lit(0).alias("pending"),
        pl.col("minimum_n", "is_cell").first(),
        *(reached(name, *end) for name in _ENDS for end in ends),
        pl.col("shortest").filter(_hides_steps(_LOW)).min().alias("hidden_from"),
    )
    # An upper end that rests on a cell whose steps are hidden may not be there at all.
    is_hidden = (pl.col("upper_from") >= pl.col("hidden_from")).fill_null(value=False)
    middle = {name: (pl.col(f"{name}_from") + pl.col(f"{name}_to")) / 2 for name in _ENDS}
    return rows.with_columns(
        middle["survival"].alias("value"),
        middle["lower"].alias("lower"),
        middle["upper"].alias("upper"),
        (pl.all_horizontal(_is_time_within(name) for name in _ENDS) & ~is_hidden).alias("is_exact_enough"),
    )


def _informative(name: str, side: str) -> pl.Expr:
    """Where the last one at risk had the event S is 0 without a variance: no upper limit can rest on that step."""
    return pl.col(f"survival_{side}") > 0 if name == "upper" else pl.lit(value=True)


def _hides_steps(side: str) -> pl.Expr:
    """A cell in which the last ones at risk had their events: all but the last of these would have had a variance."""
    return pl.col("is_cell") & (pl.col(f"survival_{side}") == 0) & (pl.col("events") > 1)


def _is_time_within(name: str) -> pl.Expr:
    since, to = pl.col(f"{name}_from"), pl.col(f"{name}_to")
    return ((to - since).abs() / 2 <= TIME_BOUND * since).fill_null(value=False) | (since.is_null() & to.is_null())


def _shares(found: pl.DataFrame, groups: Sequence[str]) -> pl.DataFrame:
    goal = pl.col("goal")
    seen = pl.col("cell") <= goal
    sides = (_HIGH, _LOW)
    at_horizon = [
        pl.col(f"{name}_{side}").filter(seen & _informative(name, side)).last().fill_null(1.0).alias(f"{name}_{side}")
        for name in _ENDS
        for side in sides
    ]
    is_reached = [
        ((pl.col("cell").max() >= goal.first()) | (pl.col(f"survival_{side}").min() == 0)).alias(f"is_reached_{side}")
        for side in sides
    ]
    waiting = pl.col("leaving") - pl.col("events")
    rows = found.group_by(_CURVE, maintain_order=True).agg(
        pl.col(groups).first(),
        pl.col("events").filter(seen).sum().alias("numerator"),
        waiting.filter(pl.col("cell") < goal).sum().alias("pending"),
        pl.col("leaving").sum().alias("n"),
        pl.col("minimum_n", "is_cell").first(),
        (seen & _hides_steps(_LOW)).any().alias("is_hidden"),
        *at_horizon,
        *is_reached,
    )
    return rows.with_columns(*_share_columns(_LOW))


def _share_columns(low: str) -> tuple[pl.Expr, ...]:
    nobody_waits, is_reached = pl.col("pending") == 0, pl.col(f"is_reached_{_HIGH}")
    midway = {name: 1 - (pl.col(f"{name}_{_HIGH}") + pl.col(f"{name}_{low}")) / 2 for name in _ENDS}
    plain = pl.col("numerator") / pl.col("n")
    # Without events Greenwood's interval has no width; Wilson's has, and is the one of plain shares.
    is_plain = nobody_waits | (is_reached & (pl.col("numerator") == 0))
    lower, upper = finishing.wilson(pl.col("numerator"), pl.col("n"))
    is_close = pl.all_horizontal(
        (pl.col(f"{name}_{_HIGH}") - pl.col(f"{name}_{low}")).abs() <= 2 * SHARE_BOUND for name in _ENDS
    )
    is_agreed = is_reached == pl.col(f"is_reached_{low}")
    return (
        pl.when(nobody_waits).then(plain).when(is_reached).then(midway["survival"]).alias("value"),
        pl.when(is_plain).then(lower).when(is_reached).then(midway["upper"]).alias("lower"),
        pl.when(is_plain).then(upper).when(is_reached).then(midway["lower"]).alias("upper"),
        (nobody_waits | (is_agreed & ~pl.col("is_hidden") & (is_close | ~is_reached))).alias("is_exact_enough"),
    )
