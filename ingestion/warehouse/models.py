"""The builder: plain SELECT files of sql/ in, tables out, in the order of their references, grains verified.

A model is `sql/<folder>/<name>.sql`, known as `<folder>.<name>`. Its header must say what a row is
(`-- grain: ticket_key`), and a mart also which column decides who may see a row (`-- access: region`). Where only
other models read it, `-- keep: build` keeps it out of what is published, as staging is; one that only puts published
rows together is published as a view (`-- keep: view`): no row is stored twice.
"""

from __future__ import annotations

import hashlib
import logging
import re
from dataclasses import dataclass
from functools import lru_cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb
import sqlglot
from sqlglot import exp

from data_checks.contract import datasets
from data_checks.gist import gist
from ingestion.sqltext import literal, quoted
from ingestion.warehouse import parts
from ingestion.warehouse.errors import GrainBroken, ModelFailed, ModelInvalid, PersonalColumn
from ingestion.warehouse.kpis import load_kpis, named_columns

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

log = logging.getLogger("aftercare.run")

SQL_DIR = Path(__file__).resolve().parents[2] / "sql"
FOLDERS = ("staging", "core", "marts")
INPUT_FOLDERS = ("policies", "targets", "calendars")
# What a run itself tells the models, as raw.<name>: itself (one row), the known sources, what is loaded, the nights
# published before it, and the entries of sql/kpis.
RUN_INPUTS = {
    "run": "run_id varchar, as_of timestamp, business_timezone varchar",
    "sources": (
        "source varchar, customer_namespace varchar, currency varchar, is_churn_declared boolean, "
        "customer_precedence integer, master_namespace varchar"
    ),
    "loads": (
        "load_id varchar, load_seq bigint, source varchar, feed varchar, data_through timestamp, is_full boolean, "
        "rows_read bigint, rows_loaded bigint, rows_quarantined bigint, rows_duplicate bigint"
    ),
    "nights": "run_id varchar, as_of timestamp",
    "kpis": (
        "kpi varchar, position bigint, label_zh varchar, label_en varchar, layer varchar, page varchar, "
        "kind varchar, unit varchar, better varchar, guardrail varchar"
    ),
}

_HEADER = re.compile(r"^--\s*(grain|access|keep):\s*(.+?)\s*$", re.MULTILINE)


@dataclass(frozen=True)
class Model:
    """One SELECT of sql/ and what its header promises."""

    name: str
    sql: str
    grain: tuple[str, ...]
    access: str | None
    # Readers of a snapshot find it there; else it is gone once the build is done.
    is_published: bool
    # Tables it reads (`raw.tickets`), each with the places in the text where it is named.
    references: Mapping[str, tuple[int, ...]]
    # Stored as its SELECT alone.
    is_view: bool = False

    @property
    def schema(self) -> str:
        return self.name.partition(".")[0]

    def sql_for(self, catalog_of: Callable[[str], str]) -> str:
        """The text as written, with a catalog put before each table name ('' leaves it alone)."""
        sql = self.sql
        places = [(place, table) for table, found in self.references.items() for place in found]
        for place, table in sorted(places, reverse=True):
            catalog = catalog_of(table)
            sql = f"{sql[:place]}{catalog}.{sql[place:]}" if catalog else sql
        return sql


@lru_cache(maxsize=512)
def parse_model(model_name: str, sql: str) -> Model:
    """Read header and references of one model: each text once a process, for parsing them all takes seconds.

    Raises:
        ModelInvalid: not one SELECT, no grain, a mart without access, or one that is kept from its readers.
        PersonalColumn: a model beyond staging names a personal column.
    """
    header = dict(_HEADER.findall(sql))
    try:
        statements = sqlglot.parse(sql, read="duckdb")
    except sqlglot.errors.SqlglotError as error:
        raise ModelInvalid(model=model_name, reason=first_line(error)) from error
    if len(statements) != 1 or not isinstance(statements[0], exp.Query):
        raise ModelInvalid(model=model_name, reason="a model is exactly one SELECT")
    if "grain" not in header:
        raise ModelInvalid(model=model_name, reason="no `-- grain:` in the header")
    if model_name.startswith("marts.") and "access" not in header:
        raise ModelInvalid(model=model_name, reason="a mart needs `-- access:` in the header")
    if header.get("keep", "build") not in ("build", "view") or (
        "keep" in header and not model_name.startswith("core.")
    ):
        raise ModelInvalid(model=model_name, reason="`-- keep:` is build or view, and for core alone")
    if not model_name.startswith("staging."):
        _refuse_personal(model_name, statements[0])
    references: dict[str, tuple[int, ...]] = {}
    for table in statements[0].find_all(exp.Table):
        if table.db and not table.catalog:
            full = f"{table.db}.{table.name}".lower()
            references[full] = (*references.get(full, ()), table.args["db"].meta["start"])
    grain = tuple(column.strip() for column in header["grain"].split(","))
    is_published = not model_name.startswith("staging.") and header.get("keep") != "build"
    return Model(
        model_name, sql, grain, header.get("access"), is_published, references, is_view=header.get("keep") == "view"
    )


def _refuse_personal(model_name: str, statement: exp.Query) -> None:
    """Beyond staging no model may name a personal column: under another name nobody would recognise it."""
    personal = {column.name for each in datasets().values() for column in each.columns if column.is_personal}
    named = {column.name.lower() for column in statement.find_all(exp.Column)}
    for star in statement.find_all(exp.Star):
        # `* rename (phone as p)` and `* replace (...)` name columns too; leaving one out is what is wanted.
        for part in (*(star.args.get("rename") or ()), *(star.args.get("replace") or ())):
            named |= {each.name.lower() for each in part.find_all(exp.Identifier)}
    for column in sorted(personal & named):
        raise PersonalColumn(model=model_name, column=column)


def load_models(sql_dir: Path | None = None) -> tuple[Model, ...]:
    """Every model of sql/, those it reads from before it.

    Raises:
        ModelInvalid: a header or SELECT is wrong, a model reads one that does not exist, or they form a ring.
    """
    return _load_models(sql_dir or SQL_DIR)


@lru_cache(maxsize=4)
def _load_models(sql_dir: Path) -> tuple[Model, ...]:
    models = {}
    for folder in FOLDERS:
        for file in sorted((sql_dir / folder).glob("*.sql")):
            model = parse_model(f"{folder}.{file.stem}", file.read_text(encoding="utf-8"))
            models[model.name] = model
    for model in models.values():
        for table in model.references:
            if table.partition(".")[0] in FOLDERS and table not in models:
                raise ModelInvalid(model=model.name, reason=f"reads {table}, which does not exist")
            if model.is_view and not (table in models and models[table].is_published):
                raise ModelInvalid(model=model.name, reason=f"is a view of {table}, which is not published")
    order = TopologicalSorter({model.name: sorted(model.references) for model in models.values()})
    try:
        return tuple(models[each] for each in order.static_order() if each in models)
    except CycleError as error:
        raise ModelInvalid(model=str(error.args[1][0]), reason=f"ring: {' > '.join(error.args[1])}") from error


def static_inputs(sql_dir: Path | None = None) -> dict[str, Path]:
    """The CSV files that models read as raw.<stem>, every column text."""
    sql_dir = sql_dir or SQL_DIR
    return {file.stem: file for folder in INPUT_FOLDERS for file in sorted((sql_dir / folder).glob("*.csv"))}


def definition_hash(sql_dir: Path | None = None) -> str:
    """Changes whenever anything below sql/ that a number depends on changes."""
    sql_dir = sql_dir or SQL_DIR
    digest = hashlib.sha256()
    for file in sorted(sql_dir.rglob("*")):
        if file.suffix in {".sql", ".csv", ".toml"}:
            digest.update(f"{file.relative_to(sql_dir).as_posix()}\0".encode())
            digest.update(hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()


def create_inputs(con: duckdb.DuckDBPyConnection, catalog: str, sql_dir: Path | None = None) -> None:
    """Load every static CSV into `<catalog>.raw.<stem>`, and create the tables of RUN_INPUTS, still empty."""
    con.execute(f"create schema if not exists {catalog}.raw")
    for table, columns in RUN_INPUTS.items():
        con.execute(f"create or replace table {catalog}.raw.{table} ({columns})")
    for stem, file in static_inputs(sql_dir).items():
        con.execute(
            f"create or replace table {catalog}.raw.{quoted(stem)} as "
            f"from read_csv({literal(str(file))}, header = true, delim = ',', quote = '\"', escape = '\"', "
            f"auto_detect = false, columns = {_columns_of(file)})"
        )

    fields = [column.split()[0] for column in RUN_INPUTS["kpis"].split(", ")]
    rows = [
        (kpi.id, place, kpi.label["zh"], kpi.label["en"], *(getattr(kpi, name) for name in fields[4:]))
        for place, kpi in enumerate(load_kpis().values(), start=1)
    ]
    # One statement: a statement a row takes seven times as long.
    one = f"({', '.join('?' * len(fields))})"
    values = [value for row in rows for value in row]
    con.execute(f"insert into {catalog}.raw.kpis values {', '.join([one] * len(rows))}", values)


def _columns_of(file: Path) -> str:
    """Named by the header line: left to itself the reader would guess whether there is one."""
    with file.open(encoding="utf-8-sig") as lines:
        header = next(lines).rstrip("\r\n").split(",")
    return "{" + ", ".join(f"{literal(column)}: 'VARCHAR'" for column in header) + "}"


def catalog_of(static: Iterable[str], built: Iterable[Model] = ()) -> Callable[[str], str]:
    """Where a table lives during a build: exports in the warehouse, in the scratch file what no reader will need."""
    scratch = {f"raw.{stem}" for stem in (*RUN_INPUTS, *static)}
    scratch |= {model.name for model in built if not model.is_published}

    def catalog(table: str) -> str:
        if table in scratch or table.startswith("staging."):
            return "scratch"
        return "warehouse" if table.startswith("raw.") else ""

    return catalog


def build(con: duckdb.DuckDBPyConnection, model: Model, catalog: Callable[[str], str]) -> None:
    """Create the table of one model and verify its grain.

    Raises:
        ModelFailed: the SELECT fails on the data.
        GrainBroken: several rows where the header promises one.
    """
    try:
        target = create(con, model, catalog)
    except duckdb.Error as error:
        raise ModelFailed(model=model.name, reason=first_line(error)) from error
    verify_grain(con, model, target)


def create(
    con: duckdb.DuckDBPyConnection, model: Model, catalog: Callable[[str], str], *, empty: bool = False
) -> str:
    """Create the table of one model, or only its columns, or its view; returns its full name."""
    target = ".".join(part for part in (catalog(model.name), model.name) if part)
    con.execute(f"create schema if not exists {target.rpartition('.')[0]}")
    if model.is_view:
        con.execute(f"create view {target} as {model.sql_for(catalog)}")
    elif empty:
        con.execute(f"create table {target} as {model.sql_for(catalog)} with no data")
    else:
        _fill(con, model, catalog, target)
    return target


def _fill(con: duckdb.DuckDBPyConnection, model: Model, catalog: Callable[[str], str], target: str) -> None:
    """Make the table; where memory runs out, again in finer parts, as long as there are any."""
    count = parts.first_count(con, model, catalog)
    while True:
        try:
            first, *others = parts.statements(con, model, catalog, count)
            con.execute(f"create table {target} as {first}")
            for other in others:
                con.execute(f"insert into {target} {other}")
        except duckdb.OutOfMemoryException as error:
            was, count = count, parts.finer(model, count)
            log.info("%s: memory ran out in %d parts (%s)", model.name, was, parts.memory(con))
            if not count:
                raise
            log.info("%s: %d parts are tried (%s)", model.name, count, first_line(error))
            con.execute(f"drop table if exists {target}")
        else:
            return


def verify_grain(con: duckdb.DuckDBPyConnection, model: Model, table: str) -> None:
    """Prove that a row is what the model's header says. Raises GrainBroken."""
    try:
        repeated = _repeated_keys(con, table, model.grain)
    except duckdb.Error as error:
        raise ModelFailed(model=model.name, reason=first_line(error)) from error
    if repeated:
        raise GrainBroken(model=model.name, grain=", ".join(model.grain), keys=repeated)


def _repeated_keys(con: duckdb.DuckDBPyConnection, table: str, grain: tuple[str, ...]) -> int:
    key = ", ".join(quoted(column) for column in grain)
    hashes = con.execute(f"select count(*) = count(distinct hash({key})) from {table}").fetchone()
    if hashes and hashes[0]:
        # As many hashes as rows: no two keys are equal. Numbers are counted faster than texts.
        return 0
    found = con.execute(f"select count(*) from (select 1 from {table} group by {key} having count(*) > 1)").fetchone()
    return int(found[0]) if found else 0


def verify_entries(con: duckdb.DuckDBPyConnection) -> None:
    """Every column that an entry of sql/kpis names is there: else the page would fail, and the night would not know.

    Raises:
        ModelInvalid: names the entry, its table and the columns that the table does not have.
    """
    columns: dict[str, set[str]] = {}
    for table, column in con.execute(
        "select schema_name || '.' || table_name, column_name from duckdb_columns() where not internal "
        "and database_name = current_database()"
    ).fetchall():
        columns.setdefault(table, set()).add(column)
    for kpi in load_kpis(SQL_DIR / "kpis").values():
        unknown = named_columns(kpi) - columns.get(kpi.rows, set())
        if unknown:
            reason = f"{kpi.rows} has no column {', '.join(sorted(unknown))}"
            raise ModelInvalid(model=f"kpis [{kpi.id}]", reason=reason)


def first_line(error: Exception) -> str:
    """The gist of a parser's or engine's message, without values of the data."""
    return gist(error)
