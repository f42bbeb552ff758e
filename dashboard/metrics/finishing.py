"""From sums to values, intervals and states, in columns.

DuckDB can do the same (kpi_sql.sum_columns, whose formulas these are; a test holds them together), but takes longer
to plan so long an expression than to read the table it is about.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import polars as pl

from ingestion.warehouse.statistics import Z95

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ingestion.warehouse.kpis import Kpi

COLUMNS: Final = ("value", "numerator", "denominator", "n", "lower", "upper", "state")
Z: Final = float(Z95)


def is_simple(kpi: Kpi) -> bool:
    """Whether its interval can be had in columns; Poisson's exact one is DuckDB's."""
    return kpi.kind != "rate" or not kpi.is_count


def finished(
    kpi: Kpi,
    rows: pl.DataFrame,
    groups: tuple[str, ...],
    sums: Mapping[str, pl.Expr],
    minimum_n: int | pl.Expr | None = None,
) -> pl.DataFrame:
    """value_query's columns; `sums` are numerator, denominator, n, pending and squares as columns of `rows`.

    minimum_n: where the rows are of several KPIs of one kind, the column that tells each one's own.
    """
    least = int(kpi.minimum_n) if minimum_n is None else minimum_n
    value, lower, upper = _values(kpi, sums)
    is_count = kpi.kind in ("count", "stock")
    n = sums["numerator" if is_count else "n"].cast(pl.Int64)
    denominator = sums["denominator"].cast(pl.Float64 if kpi.kind == "rate" else pl.Int64)
    judged = state(least, value, n, sums["pending"])
    if is_count:
        denominator = pl.lit(None, dtype=pl.Int64)
        judged = pl.when(n == 0).then(pl.lit("empty")).otherwise(pl.lit("ok"))
    columns = {
        "value": value,
        "numerator": sums["numerator"].cast(pl.Float64 if kpi.is_decimal else pl.Int64),
        "denominator": denominator,
        "n": n,
        "lower": lower,
        "upper": upper,
        "state": judged,
    }
    return rows.select(*groups, **columns)


def _values(kpi: Kpi, sums: Mapping[str, pl.Expr]) -> tuple[pl.Expr, pl.Expr, pl.Expr]:
    nothing = pl.lit(None, dtype=pl.Float64)
    total, count, squares = (sums[name].cast(pl.Float64) for name in ("numerator", "denominator", "squares"))
    mean = total / pl.when(count != 0).then(count)
    match kpi.kind:
        case "count" | "stock":
            return total, nothing, nothing
        case "rate":
            return kpi.per * mean, nothing, nothing
        case "mean":
            variance = pl.max_horizontal(pl.lit(0.0), squares - count * mean * mean) / (count - 1)
            half = Z * (variance / count).sqrt()
            has_spread = pl.when(count > 1)
            return mean, has_spread.then(mean - half), has_spread.then(mean + half)
        case "nps":
            width = 100 * Z * (pl.max_horizontal(pl.lit(0.0), squares / count - mean * mean) / count).sqrt()
            is_any = pl.when(count > 0)
            lower, upper = pl.max_horizontal(-100.0, 100 * mean - width), pl.min_horizontal(100.0, 100 * mean + width)
            return 100 * mean, is_any.then(lower), is_any.then(upper)
        case _:
            return mean, *wilson(sums["numerator"], sums["denominator"])


def wilson(k: pl.Expr, n: pl.Expr) -> tuple[pl.Expr, pl.Expr]:
    """Wilson's 95 % interval of a share; null where there is nothing."""
    count = n.cast(pl.Float64)
    share = k.cast(pl.Float64) / count
    centre, scale = share + Z * Z / (2 * count), 1 + Z * Z / count
    half = Z * (share * (1 - share) / count + Z * Z / (4 * count * count)).sqrt()
    # The ends are 0 and 1 exactly when nothing or everything counts; rounding must not stop short of them.
    lower = pl.when(k == 0).then(0.0).otherwise(pl.max_horizontal(pl.lit(0.0), (centre - half) / scale))
    upper = pl.when(k == n).then(1.0).otherwise(pl.min_horizontal(pl.lit(1.0), (centre + half) / scale))
    return pl.when(n > 0).then(lower), pl.when(n > 0).then(upper)


def state(minimum_n: int | pl.Expr, value: pl.Expr, n: pl.Expr, pending: pl.Expr) -> pl.Expr:
    """How far a value may be believed, as kpi_question.state_of."""
    return (
        pl.when(n.fill_null(0) == 0)
        .then(pl.lit("empty"))
        .when(value.is_null())
        .then(pl.lit("not_reached"))
        .when(n < minimum_n)
        .then(pl.lit("small_n"))
        .when(pending > 0)
        .then(pl.lit("provisional"))
        .otherwise(pl.lit("ok"))
    )
