"""What a model stands on: of a table that gathers others (core.fct_ticket_facts) only those whose columns it names.

The table of tickets puts together what many models find out. Who reads one column of it stands on the model that
found that column out, and not on all of them: else every number about tickets would come from every export.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import sqlglot
from sqlglot import exp

from ingestion.warehouse.keying import words

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ingestion.warehouse.models import Model

GATHERING = "core.fct_ticket_facts"


def stands_on(model: Model, every: Mapping[str, Model]) -> list[str]:
    """The tables that a model is built from, by name."""
    found = set(model.references)
    if GATHERING in found and GATHERING in every:
        named = words(model.sql)
        found.remove(GATHERING)
        found |= {table for column, table in _finders(every[GATHERING].sql).items() if column in named}
    return sorted(found)


@lru_cache(maxsize=4)
def _finders(sql: str) -> dict[str, str]:
    """Column of the gathering table -> the model that found it out."""
    query = sqlglot.parse_one(sql, read="duckdb")
    inner = {cte.alias: _table(cte.this) for cte in query.find_all(exp.CTE)}
    sources = [query.args["from_"].this, *(join.this for join in query.args["joins"])]
    behind = {one.alias_or_name: f"{one.db}.{one.name}" if one.db else inner[one.name] for one in sources}
    selected = [(one.alias_or_name, one.find(exp.Column)) for one in query.args["expressions"]]
    return {name: behind[column.table] for name, column in selected if column is not None}


def _table(query: exp.Expression) -> str:
    """The one model that a CTE reads."""
    return next(f"{table.db}.{table.name}" for table in query.find_all(exp.Table))
