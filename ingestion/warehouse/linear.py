"""Views that are linear in their tables: how their rows differ follows from how the rows of the tables do.

Each branch of a view's UNION ALL joins rows of its tables and keeps, drops or unrolls each joined row by itself. So
what it says of A and B differs by what it says of the rows that differ in A with last night's B, and of tonight's A
with the rows that differ in B. What holds rows against others follows from no such sum: with a window or an aggregate
a view is not linear, and a table on the right side of a left join must be last night's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import duckdb
import sqlglot
from sqlglot import exp

from ingestion.sqltext import quoted
from ingestion.warehouse import cells_grow
from ingestion.warehouse.differences import SIGN
from ingestion.warehouse.keying import places

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ingestion.warehouse.differences import Differences
    from ingestion.warehouse.models import Model
    from ingestion.warehouse.touched import Touched

_LOOKS_AROUND = (
    *(exp.Group, exp.Distinct, exp.Window, exp.AggFunc, exp.SetOperation, exp.Limit, exp.Offset, exp.Fetch),
    # What sqlglot does not know by name may be an aggregate; a sample is another one each time.
    *(exp.Anonymous, exp.TableSample, exp.Rand),
)
_JOINS = frozenset({"", "INNER", "CROSS", "LEFT"})
# Where a table stands in the text -> whether its branch is linear in it.
Branch = dict[int, bool]
_READ: dict[str, list[Branch] | None] = {}


def branches(model: Model) -> list[Branch] | None:
    """The tables of each branch of a view, by where they stand in its text; None where it is not linear."""
    if model.sql not in _READ:
        _READ[model.sql] = _read(sqlglot.parse_one(model.sql, read="duckdb")) if model.is_view else None
    return _READ[model.sql]


class _NotLinear(Exception):
    pass


def _read(text: exp.Expr) -> list[Branch] | None:
    named = list(text.find_all(exp.CTE))
    ctes = {cte.alias: cte.this for cte in named}
    if len(ctes) < len(named):
        return None
    try:
        return [dict(_sources(select, ctes, is_linear=True)) for select in _selects(text)]
    except _NotLinear:
        return None


def _selects(text: exp.Expr) -> Iterator[exp.Expr]:
    if not isinstance(text, exp.Union):
        yield text
    elif text.args.get("distinct") or text.args.get("by_name") or text.args.get("limit") or text.args.get("offset"):
        raise _NotLinear
    else:
        yield from _selects(text.this)
        yield from _selects(text.expression)


def _sources(select: exp.Expr, ctes: dict[str, exp.Expr], *, is_linear: bool) -> Iterator[tuple[int, bool]]:
    """The tables that a SELECT reads, itself or by a WITH. That leaves `ctes` as it is read: none is read twice."""
    body = select.copy()
    body.set("with_", None)
    joins = body.args.get("joins") or []
    # A table that stands neither in FROM nor in a JOIN is read within an expression.
    is_plain = isinstance(body, exp.Select) and body.find(*_LOOKS_AROUND) is None
    if not is_plain or sum(1 for _ in body.find_all(exp.Table)) != 1 + len(joins) or _takes_rows_whole(body):
        raise _NotLinear
    yield from _of_source(body.args["from_"].this, ctes, is_linear=is_linear)
    for join in joins:
        if {join.side, join.kind} - _JOINS or join.method:
            raise _NotLinear
        yield from _of_source(join.this, ctes, is_linear=is_linear and join.side != "LEFT")


def _takes_rows_whole(body: exp.Expr) -> bool:
    """Whether a table's name stands for a whole row: then columns count that the text does not name."""
    named = {table.alias_or_name for table in body.find_all(exp.Table)}
    return any(column.name in named for column in body.find_all(exp.Column) if not column.table)


def _of_source(source: exp.Expr, ctes: dict[str, exp.Expr], *, is_linear: bool) -> Iterator[tuple[int, bool]]:
    if isinstance(source, exp.Table) and source.db:
        yield source.args["db"].meta["start"], is_linear
    elif isinstance(source, exp.Table) and source.name in ctes:
        yield from _sources(ctes.pop(source.name), ctes, is_linear=is_linear)
    else:
        raise _NotLinear


def differ(model: Model, touched: Touched) -> bool | None:
    """Write down how a view differs from last night's; whether it does. None: its tables do not tell, or for more."""
    found = branches(model)
    if found is None:
        return None
    view = _View(model, found, touched)
    try:
        if not view.is_complete():
            raise duckdb.BinderException
    except duckdb.BinderException:
        # A star hands on columns that the text does not name.
        touched.with_all_columns.add(model.name)
    try:
        return view.differ() if view.is_told_for_less() else None
    except duckdb.BinderException:
        # The text names its tables in a way that other rows cannot be put in their place.
        return None


class _View:
    def __init__(self, model: Model, found: list[Branch], touched: Touched) -> None:
        self.model = model
        self.branches = found
        self.touched = touched
        self.differences: Differences = touched.differences
        self.places = {begin: (table, end, is_named) for table, begin, end, is_named in places(model)}

    def is_complete(self) -> bool:
        """Whether the columns that the text names are all that its rows are made of."""
        whole = self._text({}, -1, "")
        return self.differences.columns_of(f"({whole})") == self.differences.columns(self.model.name)

    def is_told_for_less(self) -> bool:
        """Whether the rows that differ are at hand, or few to compare, and few of their tables."""
        sizes = {table: self.touched.count(self.touched.table(table)) for table in self.model.references}
        to_compare = sum(size for table, size in sizes.items() if not self.differences.is_told(table))
        if to_compare > cells_grow.GROWN_AT_MOST * max(sizes.values()):
            return False
        return all(
            self._is_few(self.places[begin][0], sizes, is_linear=is_linear)
            for branch in self.branches
            for begin, is_linear in branch.items()
        )

    def _is_few(self, table: str, sizes: Mapping[str, int], *, is_linear: bool) -> bool:
        changed = self.touched.change(self.model, table)
        if changed is None:
            return True
        return is_linear and self.touched.count(changed) <= cells_grow.GROWN_AT_MOST * sizes[table]

    def differ(self) -> bool:
        """Whether any row does; the differences are written down."""
        gone, come = self._texts("<"), self._texts(">")
        if not gone:
            self.differences.say_none(self.model.name)
            return False
        return self.differences.keep(self.model.name, " union all ".join(gone), " union all ".join(come))

    def _texts(self, sign: str) -> list[str]:
        return [
            f"select * from (\n{self._text(branch, begin, sign)}\n)"
            for branch in self.branches
            for begin in branch
            if self.touched.change(self.model, self.places[begin][0]) is not None
        ]

    def _text(self, branch: Branch, changing: int, sign: str) -> str:
        """What a branch says of the rows that differ at one place, tonight's before it and last night's after it."""
        text = self.model.sql
        for begin, (table, end, is_named) in sorted(self.places.items(), reverse=True):
            alias = "" if is_named else f" as {table.partition('.')[2]}"
            if begin == changing:
                source = self._changed(table, sign)
            else:
                catalog = self.differences.now if begin < changing else self.differences.before
                source = f"{self.differences.full(table, catalog)}{'' if begin in branch else ' where false'}"
            columns = ", ".join(quoted(each) for each in self.touched.used(self.model, table))
            text = f"{text[:begin]}(select {columns} from {source}){alias}{text[end:]}"
        return text

    def _changed(self, table: str, sign: str) -> str:
        # What differs in some columns alone may do so more than once.
        copies = f"unnest(range(cast(abs({SIGN}) as bigint)))"
        return f"(select *, {copies} from {self.touched.change(self.model, table)} where {SIGN} {sign} 0)"
