"""What a snapshot holds besides the models: the run's own records, and the companion file of personal columns.

Everybody may read a snapshot, so nothing personal is in it. What is personal goes to the people file, which is
opened only for who may see it, and joins by key.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from data_checks.contract import datasets
from ingestion.sqltext import quoted
from ingestion.warehouse import feeds
from ingestion.warehouse.engines import attach
from ingestion.warehouse.errors import PersonalColumn

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime
    from pathlib import Path

    import duckdb

    from ingestion.warehouse.models import Model

RUNS_SHOWN = 100


@dataclass(frozen=True)
class RunRecord:
    """The one row of meta.run."""

    run_id: str
    started_at: datetime
    as_of: datetime
    business_timezone: str
    definitions: str
    state: str
    schema_version: int


# Table of the people file -> staging model, key, personal columns.
PEOPLE = {
    "customers": (
        "staging.stg_customers", "customer_key", ("name", "phone", "email", "address", "birthday"),
    ),
    "tickets": ("staging.stg_tickets", "ticket_key", ("subject",)),
    "survey_comments": ("staging.stg_survey_answers", "survey_key", ("comment",)),
    "complaints": ("staging.stg_complaints", "complaint_key", ("text",)),
    "staff": ("staging.stg_staff", "staff_key", ("name",)),
}  # fmt: skip

# The nights whose failed checks and volumes a page compares.
_RECENT = "select run_id from warehouse.meta.runs order by run_id desc limit 30"
# Tables of the ledger as a snapshot shows them; `?` is the run.
_LEDGER = {
    "loads": "select * from warehouse.meta.loads order by load_seq",
    "checks": "select * from warehouse.meta.checks where run_id = ?",
    "findings": "select * from warehouse.meta.findings where run_id = ?",
    "overrides": "select * from warehouse.meta.overrides order by accepted_at, code, subject",
    "failed_checks": f"""select run_id, code, suite, severity, unexpected_count from warehouse.meta.checks
        where not success and run_id in ({_RECENT})""",
    "drift": f"""select run_id, code, fields from warehouse.meta.findings
        where code in ('new_column', 'gone_column', 'renamed_column') and run_id in ({_RECENT})""",
    "volumes": f"select run_id, model, row_count from warehouse.meta.volumes where run_id in ({_RECENT})",
    # Keys and the original records are personal: they are in the people file, by load_id and source_row.
    "quarantine": """select load_id, source, feed, file, dataset, source_row, column_name, code
        from warehouse.meta.quarantine where released_by is null order by load_id, source_row""",
    "released": """select load_id, source, feed, file, dataset, source_row, column_name, code, released_load,
        released_at from warehouse.meta.quarantine where released_by is not null order by load_id, source_row""",
    "targets": "from scratch.raw.targets",
    "runs": f"""select run_id, started_at, ended_at, verdict, as_of, message_code
        from warehouse.meta.runs order by run_id desc limit {RUNS_SHOWN}""",
}


def write_records(
    con: duckdb.DuckDBPyConnection, run: RunRecord, models: Iterable[Model], ended: Iterable[tuple[str, str]] = ()
) -> None:
    """Fill schema `meta` of the snapshot; `ended` are the feeds of which no file is to come any more."""
    published = [model for model in models if model.is_published]
    con.execute("create schema if not exists meta")
    con.execute(
        """create table meta.run as select
        ?::varchar as run_id, ?::timestamp as started_at, ?::timestamp as as_of, ?::varchar as business_timezone,
        ?::varchar as definitions, ?::varchar as state, ?::integer as schema_version""",
        list(vars(run).values()),
    )
    con.execute("create table meta.models (name varchar, grain varchar, access varchar, row_count bigint)")
    for model in published:
        con.execute(
            f"insert into meta.models select ?, ?, ?, count(*) from {model.name}",
            [model.name, ", ".join(model.grain), model.access],
        )
    con.execute("insert into warehouse.meta.volumes select ?, name, row_count from meta.models", [run.run_id])
    for table, sql in _LEDGER.items():
        con.execute(f"create table meta.{table} as {sql}", [run.run_id] * sql.count("?"))
    feeds.write(con, ended)
    names = {model.name for model in published}
    _write_datasets(con, names)
    _write_load_datasets(con)
    _write_disagreements(con, names)


def _write_disagreements(con: duckdb.DuckDBPyConnection, models: set[str]) -> None:
    """meta.disagreements: how often two sources tell different things of one customer, column by column."""
    con.execute(
        """create table meta.disagreements (column_name varchar, believed_source varchar, other_source varchar,
        shared_count bigint, differing_count bigint)"""
    )
    if "core.fct_customer_comparisons" in models:
        con.execute(
            """insert into meta.disagreements
            select column_name, believed_source, other_source, count(*), count(*) filter (is_different)
            from core.fct_customer_comparisons group by all order by all"""
        )


def _write_datasets(con: duckdb.DuckDBPyConnection, models: set[str]) -> None:
    """meta.datasets: what is connected. core.dim_datasets counts entities, raw rows count versions of them."""
    con.execute("create table meta.datasets (dataset varchar, source varchar, row_count bigint)")
    if "core.dim_datasets" in models:
        con.execute("insert into meta.datasets by name select dataset, source, row_count from core.dim_datasets")
    counts = " union all ".join(
        f"select '{dataset}' as dataset, source, count(*) as row_count "
        f"from warehouse.raw.{quoted(dataset)} group by source"
        for dataset in datasets()
    )
    con.execute(
        f"insert into meta.datasets by name from ({counts}) where dataset not in (select dataset from meta.datasets)"
    )


def _write_load_datasets(con: duckdb.DuckDBPyConnection) -> None:
    """meta.load_datasets: which datasets a file brought rows of, and how many of them are kept."""
    counts = " union all ".join(
        f"select load_id, '{dataset}' as dataset, count(*) as row_count "
        f"from warehouse.raw.{quoted(dataset)} group by load_id"
        for dataset in datasets()
    )
    con.execute(f"create table meta.load_datasets as {counts}")


def write_people(con: duckdb.DuckDBPyConnection, file: Path, built: Iterable[Model]) -> None:
    """Write the companion file of personal columns, and close it."""
    names = {model.name for model in built}
    attach(con, file, "people")
    con.execute("create schema people.people")
    for table, (model, key, columns) in PEOPLE.items():
        if model in names:
            filled = " or ".join(f"{column} is not null" for column in columns)
            con.execute(
                f"create table people.people.{table} as "
                f"select {key}, {', '.join(columns)} from scratch.{model} where {filled}"
            )
    con.execute(
        "create table people.people.quarantine as "
        "select * exclude (released_by) from warehouse.meta.quarantine order by load_id, source_row"
    )
    con.execute("checkpoint people")
    con.execute("detach people")


def refuse_personal_columns(con: duckdb.DuckDBPyConnection, catalogs: Iterable[str]) -> None:
    """Prove that no table beyond staging has a personal column, published or only read by what is.

    Raises:
        PersonalColumn: a model selects one.
    """
    personal = {column.name for each in datasets().values() for column in each.columns if column.is_personal}
    rows = con.execute(
        """select schema_name || '.' || table_name, column_name from duckdb_columns()
        where list_contains(?, database_name) and list_contains(?, column_name)
            and schema_name in ('core', 'marts')""",
        [list(catalogs), sorted(personal)],
    ).fetchall()
    for model, column in rows:
        raise PersonalColumn(model=model, column=column)
