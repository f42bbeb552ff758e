"""A whole suite as one question: is there anything at all that breaks a promise of this table?

Nearly every table of nearly every night keeps all its promises. Asked one by one, each promise costs a scan; asked
together, all that can be seen in a row by itself cost one. Only where the answer is yes are they asked one by one.
"""

import re
from collections.abc import Collection, Iterator
from typing import Any

from great_expectations.core import ExpectationSuite

# Where the meta of an expectation holds the condition that says which rows break it.
BROKEN_WHEN = "broken_when"
_TABLE = re.compile(r"\b(?:raw|staging|core|marts)\.\w+")


def any_broken(suite: ExpectationSuite, view: str) -> str | None:
    """A SELECT with a row if the table breaks a promise of the suite; None if one cannot be asked like this."""
    conditions: list[str] = []
    selects: list[str] = []
    for expectation in suite.expectations:
        condition = _condition(expectation)
        if condition:
            conditions.append(f"({condition})")
            continue
        query = _query(expectation)
        if not query:
            return None
        selects.append(query.format(batch=f'"{view}"'))
    if conditions:
        selects.append(f'select 1 from "{view}" where {" or ".join(conditions)}')
    return " union all ".join(f"select 1 from ({select})" for select in selects) or None


def names_any(question: str, moved: Collection[str]) -> bool:
    """Whether a question is also about another table that moved, or about what arrived, which moves every night."""
    named = set(_TABLE.findall(question))
    return not named.isdisjoint(moved) or any(name.startswith("raw.") for name in named)


def _condition(expectation: Any) -> str:
    """What is true of each row that breaks a promise, '' where a row alone does not show it."""
    if BROKEN_WHEN in (expectation.meta or {}):
        # As in every query of Great Expectations braces stand doubled in it.
        return str(expectation.meta[BROKEN_WHEN]).format()
    kind = expectation.expectation_type
    if kind == "expect_column_values_to_not_be_null":
        return f"{expectation.column} is null"
    if kind == "expect_column_values_to_be_in_set":
        values = ", ".join(_literal(value) for value in expectation.value_set)
        return f"{expectation.column} not in ({values})"
    if kind == "expect_column_values_to_be_between":
        return " or ".join(_outside(expectation))
    if kind == "expect_column_pair_values_a_to_be_greater_than_b" and expectation.or_equal:
        return f"{expectation.column_A} < {expectation.column_B}"
    return ""


def _outside(expectation: Any) -> Iterator[str]:
    if expectation.min_value is not None:
        yield f"{expectation.column} < {expectation.min_value}"
    if expectation.max_value is not None:
        yield f"{expectation.column} > {expectation.max_value}"


def _query(expectation: Any) -> str:
    """What selects something where a table as a whole breaks a promise."""
    kind = expectation.expectation_type
    if kind == "unexpected_rows_expectation":
        return str(expectation.unexpected_rows_query)
    if kind == "expect_table_row_count_to_be_between" and expectation.max_value is None:
        return (
            f"select 1 from (select count(*) as row_count from {{batch}}) where row_count < {expectation.min_value}"
        )
    if kind == "expect_column_values_to_be_unique":
        return _repeated([expectation.column], f"where {expectation.column} is not null")
    if kind == "expect_compound_columns_to_be_unique" and expectation.ignore_row_if == "never":
        return _repeated(expectation.column_list)
    return ""


def _repeated(columns: list[str], where: str = "") -> str:
    """Rows that differ have different hashes but for a chance in billions, and then they are asked one by one.

    Eight bytes a row are remembered instead of long keys.
    """
    return f"select 1 from {{batch}} {where} group by hash({', '.join(columns)}) having count(*) > 1"


def _literal(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
