"""Sums of marts and rows of facts, brought into the shape a chart or table draws. Polars in, Polars out.

Only sums, shares of sums and differences of instants: what a number means is decided in sql/.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import polars as pl

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import date, datetime

FATES: Final = ("met", "breached", "open_breach", "not_due", "no_policy")
CHAIN: Final = ("reported", "dispatched", "arrived", "repaired", "accepted", "followed_up")
_AGES: Final = ((24, "under_1d"), (72, "under_3d"), (168, "under_7d"), (720, "under_30d"))
_OLDEST: Final = "over_30d"
AGE_BANDS: Final = (*(name for _, name in _AGES), _OLDEST)
_POINTS_A_CURVE: Final = 240
_DAY: Final = 86_400
YEAR: Final = 365.0 * _DAY


def long(sums: pl.DataFrame, names: Sequence[str], pattern: str, index: str, part: str) -> pl.DataFrame:
    """Columns such as response_met_count turned into rows: index, part (the name), count."""
    columns = {pattern.format(name): name for name in names}
    return (
        sums.select(index, *columns)
        .rename(columns)
        .unpivot(list(names), index=index, variable_name=part, value_name="count")
    )


def shares(counts: pl.DataFrame, over: Sequence[str] = ()) -> pl.DataFrame:
    """Add share: count ÷ the sum of counts (within the groups of `over`)."""
    total = pl.col("count").sum().over(list(over)) if over else pl.col("count").sum()
    return counts.with_columns(pl.when(total > 0).then(pl.col("count") / total).alias("share"))


def counted(sums: pl.DataFrame, name: str, count: str, top: int = 12) -> pl.DataFrame:
    """name, count, share; the largest first, at most `top` rows; groups without cases left out."""
    return (
        shares(sums.select(pl.col(name), pl.col(count).alias("count")))
        .filter(pl.col("count") > 0)
        .sort("count", descending=True)
        .head(top)
    )


def labelled(frame: pl.DataFrame, column: str, label: Callable[[object], str]) -> pl.DataFrame:
    """The frame with the values of `column` in the reader's language."""
    return frame.with_columns(pl.Series(column, [label(value) for value in frame[column]], dtype=pl.String))


def chain(sums: pl.DataFrame, label: Callable[[str], str]) -> pl.DataFrame:
    """Stages of the repair chain: step (label), count, share of the first stage."""
    counts = [int(sums[f"{stage}_count"].sum() or 0) for stage in CHAIN]
    first = counts[0]
    return pl.DataFrame(
        {
            "step": [label(stage) for stage in CHAIN],
            "count": counts,
            "share": [count / first if first else None for count in counts],
        },
        schema={"step": pl.String, "count": pl.Int64, "share": pl.Float64},
    )


def hours(sums: pl.DataFrame, measure: str) -> pl.DataFrame:
    """weekday, hour, value, n of the arrivals mart; measure is "volume" or "met"."""
    met = pl.when(pl.col("response_due_count") > 0).then(pl.col("response_met_count") / pl.col("response_due_count"))
    value, n = (met, "response_due_count") if measure == "met" else (pl.col("ticket_count"), "ticket_count")
    return sums.select("weekday", "hour", value.alias("value"), pl.col(n).alias("n"))


def cohorts(sums: pl.DataFrame, last_date: date) -> pl.DataFrame:
    """The repurchase triangle from sums by period (cohort month) and months_since.

    months_since counts spans of 30 days after the first order, from 1; span 0 carries the cohort's size.
    Out: cohort, months_since, customers, repeats (cumulative), share, is_matured. Cells that lie wholly in
    the future are left out; one whose last day has not passed for the whole cohort is not matured.
    """
    sizes = sums.group_by("period").agg(pl.col("customer_count").sum().alias("customers"))
    span = int(sums["months_since"].max() or 0)  # type: ignore[arg-type]  # BIGINT
    spans = pl.DataFrame({"months_since": range(span + 1)}, schema={"months_since": pl.Int64})
    grid = sizes.join(spans, how="cross")
    cells = grid.join(
        sums.select("period", pl.col("months_since").cast(pl.Int64), "repeat_count"),
        on=["period", "months_since"],
        how="left",
    ).sort("period", "months_since")
    cohort_end = pl.col("period").dt.offset_by("1mo").dt.offset_by("-1d")
    span_days = pl.duration(days=30 * pl.col("months_since"))
    return (
        cells.with_columns(
            pl.col("repeat_count").fill_null(0).cum_sum().over("period", order_by="months_since").alias("repeats"),
            (pl.col("period") + span_days - pl.duration(days=30)).alias("starts"),
            (cohort_end + span_days).alias("ends"),
        )
        .filter((pl.col("months_since") > 0) & (pl.col("starts") < last_date) & (pl.col("customers") > 0))
        .select(
            pl.col("period").alias("cohort"),
            "months_since",
            "customers",
            "repeats",
            (pl.col("repeats") / pl.col("customers")).alias("share"),
            # The youngest customer of the cohort bought on the month's last day: her span must have passed too.
            (pl.col("ends") <= last_date).alias("is_matured"),
        )
    )


def moves(sums: pl.DataFrame, label: Callable[[object], str]) -> pl.DataFrame:
    """from_label, to_label, count, share of the row, from sums by tier_from and tier_to."""
    named = sums.select(
        pl.Series("from_label", [label(value) for value in sums["tier_from"]], dtype=pl.String),
        pl.Series("to_label", [label(value) for value in sums["tier_to"]], dtype=pl.String),
        pl.col("customer_count").alias("count"),
    )
    return shares(named, ["from_label"])


def thinned(
    curve: pl.DataFrame, by: Sequence[str] = (), last: float | None = None, last_share: float = 0.0
) -> pl.DataFrame:
    """A Kaplan–Meier curve with few enough steps to draw: at most 240 a group, ends kept.

    `last` (seconds) and `last_share` (of survival) cut the long tail where hardly anybody is left. Every
    kept step is a true one. Each curve starts at 0 seconds with everybody.
    """
    kept = curve.with_columns(pl.col("duration").cast(pl.Float64).alias("seconds")).filter(
        pl.col("survival") >= last_share
    )
    if last is not None:
        kept = kept.filter(pl.col("seconds") <= last)
    columns = ("seconds", "survival", "lower", "upper", "at_risk")
    start = (pl.lit(0.0).alias("seconds"), *(pl.lit(1.0).alias(name) for name in columns[1:4]))
    starts = (
        kept.group_by(list(by)).agg(*start, pl.col("at_risk").max())
        if by
        else kept.select(*start, pl.col("at_risk").max()).head(1)
    )
    kept = pl.concat([starts.select(*by, *columns), kept.select(*by, *columns)], how="vertical_relaxed")
    position, size = pl.int_range(pl.len()), pl.len()
    step = (size / _POINTS_A_CURVE).ceil().clip(lower_bound=1)
    rule = (position % step == 0) | (position == size - 1)
    kept = kept.sort(*by, "seconds")
    return kept.filter(rule.over(list(by)) if by else rule)


def score_means(sums: pl.DataFrame) -> pl.DataFrame:
    """Mean score by dimension: dimension, value, n. The mart holds ratings on 1 to 5 only, and NPS apart."""
    return (
        sums.filter(pl.col("dimension") != "nps")
        .with_columns(pl.col("score").cast(pl.Float64))
        .group_by("dimension")
        .agg(
            ((pl.col("score") * pl.col("answer_count")).sum() / pl.col("answer_count").sum()).alias("value"),
            pl.col("answer_count").sum().alias("n"),
        )
        .sort("value", descending=True)
    )


def nps_parts(sums: pl.DataFrame) -> pl.DataFrame:
    """score (text), part (promoter 9–10, passive 7–8, detractor 0–6), count, of the NPS question."""
    score = pl.col("score").cast(pl.Float64)
    return (
        sums.filter(pl.col("nps_count") > 0)
        .group_by(score.cast(pl.Int64).alias("score"))
        .agg(pl.col("nps_count").sum().alias("count"))
        .with_columns(
            pl.when(pl.col("score") >= 9)
            .then(pl.lit("promoter"))
            .when(pl.col("score") >= 7)
            .then(pl.lit("passive"))
            .otherwise(pl.lit("detractor"))
            .alias("part")
        )
        .sort("score")
    )


def distribution(sums: pl.DataFrame) -> pl.DataFrame:
    """dimension, score (1 to 5), count, share of the dimension's answers; NPS is another question."""
    counts = (
        sums.filter(pl.col("dimension") != "nps")
        .with_columns(pl.col("score").cast(pl.Float64).round(0).cast(pl.Int64))
        .group_by("dimension", "score")
        .agg(pl.col("answer_count").sum().alias("count"))
        .sort("dimension", "score")
    )
    return shares(counts, ["dimension"])


def not_fixed(sums: pl.DataFrame) -> pl.DataFrame:
    """First visits that did not mend, by result: result, count, share of those visits."""
    first = sums.filter((pl.col("visit_no_group") == "first") & (pl.col("result") != "fixed"))
    return counted(first, "result", "visit_count")


def complaint_outcomes(monthly: pl.DataFrame) -> pl.DataFrame:
    """period, outcome (settled for good, not settled, not yet matured), count: together all complaints."""
    frame = monthly.select(
        "period",
        pl.col("settled_count").alias("settled"),
        (pl.col("closure_matured_count") - pl.col("settled_count")).alias("unsettled"),
        pl.col("closure_maturing_count").alias("maturing"),
    )
    names = ["settled", "unsettled", "maturing"]
    return frame.unpivot(names, index="period", variable_name="outcome", value_name="count")


def open_complaints(rows: pl.DataFrame, as_of: datetime) -> pl.DataFrame:
    """The complaints still open at as_of, the most urgent first: with age_seconds, left_seconds and age_band."""
    age = (pl.lit(as_of) - pl.col("received_at")).dt.total_seconds()
    band = pl.lit(_OLDEST)
    for limit, name in reversed(_AGES):
        band = pl.when(pl.col("age_seconds") < limit * 3_600).then(pl.lit(name)).otherwise(band)
    return (
        rows.with_columns(
            age.alias("age_seconds"),
            (pl.col("due_at") - pl.lit(as_of)).dt.total_seconds().alias("left_seconds"),
        )
        .with_columns(band.alias("age_band"))
        .sort("left_seconds", nulls_last=True)
    )


def ages(complaints: pl.DataFrame) -> pl.DataFrame:
    """age_band, grade, count of open complaints, bands from young to old."""
    return (
        complaints.group_by("age_band", "grade")
        .agg(pl.len().cast(pl.Int64).alias("count"))
        .with_columns(pl.col("age_band").cast(pl.Enum(AGE_BANDS)).to_physical().alias("order"))
        .sort("order")
    )
