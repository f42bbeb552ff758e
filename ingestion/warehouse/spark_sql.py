"""DuckDB's SQL as Spark's, meaning the same.

SQLGlot translates syntax, not meaning; where a function means something else on Spark, this puts right what it can
and refuses the rest.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlglot
from sqlglot import exp

from ingestion.warehouse.errors import ModelInvalid

if TYPE_CHECKING:
    from ingestion.warehouse.models import Model


def translated(model: Model) -> str:
    """The model's SELECT in Spark's SQL, meaning what it means on DuckDB.

    Raises:
        ModelInvalid: it uses a date_diff that the two engines count differently.
    """
    return statement_of(model.sql, model.name)


def statement_of(sql: str, name: str, *, is_condition: bool = False) -> str:
    """A SELECT of DuckDB's, or a condition, in Spark's SQL. `name` is that of the model it belongs to.

    Raises:
        ModelInvalid: as translated.
    """
    parsed = sqlglot.parse_one(sql, read="duckdb", into=exp.Condition if is_condition else None)
    tree = exp.paren(parsed, copy=False)
    # The innermost first: one may stand within another.
    for node in reversed(list(tree.find_all(exp.AtTimeZone, exp.DateDiff, exp.DayOfWeekIso))):
        if isinstance(node, exp.DateDiff):
            if _unit(node) not in {"SECOND", "DAY"}:
                raise ModelInvalid(model=name, reason=f"date_diff in {_unit(node)}: take seconds or days")
            node.replace(_difference(node))
        elif isinstance(node, exp.DayOfWeekIso):
            # SQLGlot makes Monday 3 of it. Spark's weekday() begins with Monday = 0.
            node.replace(exp.paren(exp.func("weekday", node.this) + 1))
        elif isinstance(node.this, exp.AtTimeZone):
            node.replace(_converted(node.this.this, node.this.args["zone"], node.args["zone"]))
    for among in tree.find_all(exp.In):
        _unfold(among)
    # Whether a CTE is put by is Spark's own affair.
    for cte in tree.find_all(exp.CTE):
        cte.set("materialized", None)
    for select in list(tree.find_all(exp.Select)):
        if select.args.get("qualify") and select.is_star:
            _qualify(select)
    return str(tree.this.sql(dialect="spark", comments=False))


def column_type(data_type: str) -> str:
    """DuckDB's name of a type as Spark's."""
    return exp.DataType.build(data_type, dialect="duckdb").sql(dialect="spark")


def literal(text: str) -> str:
    """A text within Spark's SQL."""
    return exp.Literal.string(text).sql(dialect="spark")


def _unfold(among: exp.In) -> None:
    """`(a, b) in (select (a, b) …)`: for Spark that is one column of structs on the right, and two on the left."""
    query = among.args.get("query")
    select = query.find(exp.Select) if query is not None else None
    if select is not None and isinstance(select.expressions[0], exp.Tuple):
        select.set("expressions", select.expressions[0].expressions)


def _qualify(select: exp.Select) -> None:
    """`select *, b as c … qualify …`, of which SQLGlot makes a query that has c twice."""
    predicate = select.args["qualify"].pop().this
    windows = list(predicate.find_all(exp.Window))
    names = [f"_window_{number}" for number, _ in enumerate(windows)]
    inner = select.copy()
    for name, window in zip(names, windows, strict=True):
        inner = inner.select(exp.alias_(window.copy(), name))
        window.replace(exp.column(name))
    for column in predicate.find_all(exp.Column):
        column.set("table", None)
    star = exp.Star(except_=[exp.to_identifier(name) for name in names])
    select.replace(exp.select(star).from_(inner.subquery("_qualified")).where(predicate))


def _converted(instant: exp.Expression, from_zone: exp.Expression, to_zone: exp.Expression) -> exp.Condition:
    """`t at time zone a at time zone b`, which SQLGlot turns into two shifts away from UTC whatever a and b are."""
    found = exp.func("convert_timezone", from_zone, to_zone, instant)
    if from_zone.name == "UTC" or to_zone.name != "UTC":
        return found
    # A local time that occurs twice, when clocks go back: DuckDB takes the later instant, Spark the earlier.
    later = exp.paren(found + exp.Interval(this=exp.Literal.string("1"), unit=exp.var("HOUR")))
    is_repeated = exp.func("convert_timezone", to_zone, from_zone, later).eq(instant)
    return exp.case().when(is_repeated, later).else_(found)


def _difference(node: exp.DateDiff) -> exp.Condition:
    """DuckDB counts the boundaries between two instants, Spark whole units elapsed."""
    function, data_type = ("unix_seconds", "timestampltz") if _unit(node) == "SECOND" else ("unix_date", "date")
    end, start = (
        exp.cast(exp.func(function, exp.cast(side, data_type)), "bigint") for side in (node.this, node.expression)
    )
    return exp.paren(end - start)


def _unit(node: exp.DateDiff) -> str:
    unit = node.args.get("unit")
    return unit.name.upper() if unit else "DAY"
