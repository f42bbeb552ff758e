"""Landed exports: what landing promises of the rows it let through, looked at once more by other means.

One suite a dataset. Row rules come from sql/checks, one expectation each, so that quarantine and gate cannot drift.
"""

from collections.abc import Iterator, Sequence

from great_expectations.core import ExpectationSuite
from great_expectations.expectations.expectation import Expectation

from data_checks.contract import Dataset
from data_checks.duckdb_gx import gxe, suite_of
from data_checks.rules import Rule
from data_checks.suites.together import BROKEN_WHEN
from data_checks.suites.words import carries, carries_rule


def suite_for(
    dataset: Dataset,
    row_rules: Sequence[Rule],
    *,
    may_be_empty: bool = False,
    key: Sequence[str] | None = None,
) -> ExpectationSuite:
    """The checks of one dataset as landed.

    The table has the raw row shape (source, version_key, the contract's columns) and `as_of_limit`.

    Args:
        row_rules: of this dataset, from `data_checks.rules.row_rules`.
        may_be_empty: no row at all is legal.
        key: the natural key where source.toml declares another than the contract.
    """
    expectations = [
        gxe.ExpectTableRowCountToBeBetween(min_value=0 if may_be_empty else 1, **carries("no_rows")),
        *_presence(dataset),
        *_values(dataset),
        _uniqueness(key or dataset.key),
        *(_row_rule(rule) for rule in row_rules),
    ]
    return suite_of(f"exports.{dataset.name}", expectations)


def _presence(dataset: Dataset) -> Iterator[Expectation]:
    for column in dataset.required_columns:
        words = carries("missing_value", column=column.name)
        yield gxe.ExpectColumnValuesToNotBeNull(column=column.name, **words)


def _values(dataset: Dataset) -> Iterator[Expectation]:
    for column in dataset.columns:
        if column.values:
            words = carries(f"unknown_{column.name}", column=column.name)
            yield gxe.ExpectColumnValuesToBeInSet(column=column.name, value_set=list(column.values), **words)


def _uniqueness(key: Sequence[str]) -> Expectation:
    """Versions of one thing may stand side by side, the same version twice may not."""
    words = carries("key_not_unique", column=key[0], detail=", ".join(key))
    columns = ["source", *key, "version_key"]
    unique: Expectation = gxe.ExpectCompoundColumnsToBeUnique(column_list=columns, ignore_row_if="never", **words)
    return unique


def _row_rule(rule: Rule) -> Expectation:
    predicate = rule.fails_when.strip().replace("{", "{{").replace("}", "}}")
    query = f"select {rule.columns[0]} from {{batch}} where {predicate}"
    words = carries_rule(rule, column=rule.columns[0])
    words["meta"][BROKEN_WHEN] = predicate
    silent: Expectation = gxe.UnexpectedRowsExpectation(unexpected_rows_query=query, **words)
    return silent
