"""Fixtures shared by all rooms: run one model on a few rows written as a table."""

import os
import sys
from collections.abc import Callable, Iterator, Mapping
from datetime import date
from pathlib import Path

import duckdb
import pytest

from dashboard.metrics.query import Snapshot, open_snapshot
from data_checks.contract import datasets
from ingestion import effects, pipeline
from ingestion.samples import write_samples
from ingestion.settings import Settings
from ingestion.sqltext import quoted
from ingestion.warehouse import engines, models, raw
from tests.made_once import made_once

Rows = list[tuple[object, ...]]
RunModel = Callable[..., Rows]

RUN = """
    run_id | as_of            | business_timezone
    -------+------------------+------------------
    R1     | 2025-07-01 00:00 | Asia/Shanghai
"""
SOURCES = """
    source | customer_namespace
    -------+-------------------
    sample | sample
"""
# What a landed row carries besides the contract's columns, where a test does not care.
LANDED = {"source": "'sample'", "load_id": "'L1'", "load_seq": "1", "source_row": "number", "version_key": "''"}


# Great Expectations imports pyspark where it is there, and pyspark ends a process whose main module has no file, as
# is the case in a worker of pytest-xdist.
if not hasattr(sys.modules["__main__"], "__file__"):
    sys.modules["__main__"].__file__ = __file__


# A worker of pytest-xdist has a core of its own: threads of others would only be in its way.
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("AFTERCARE_THREADS", "1")


# What takes minutes at a stretch, or waits for the network: begun last it would run beside an idle core.
FIRST = ("test_readme.py", "test_incremental.py", "test_pipeline_kill.py")


# Each of them runs whole nights, or looks at what one has published.
NIGHTS = frozenset(
    {
        *("sample_snapshot", "full_snapshot", "make_snapshot", "night", "owned_night", "home", "shop", "small_shop"),
        *("owned_snapshot", "second", "shared_dir", "spark_here", "run_model", "empty_warehouse"),
    }
)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """What needs a night is slow. Soak tests take hours and run only when asked for. The longest files begin."""
    for item in items:
        if NIGHTS.intersection(getattr(item, "fixturenames", ())) and item.get_closest_marker("slow") is None:
            item.add_marker("slow")
    if "soak" not in config.option.markexpr:
        chosen = [item for item in items if item.get_closest_marker("soak") is None]
        config.hook.pytest_deselected(items=[item for item in items if item not in chosen])
        items[:] = chosen
    turns = {name: turn for turn, name in enumerate(FIRST)}
    items.sort(key=lambda item: turns.get(item.path.name, len(turns)))


def table_rows(text: str) -> tuple[list[str], list[list[str | None]]]:
    """Header and cells of a table drawn with pipes; a blank cell is NULL, '' is empty text."""
    lines = [line.strip() for line in text.strip().splitlines() if set(line.strip()) - set("-+| ")]
    header, *body = ([cell.strip() for cell in line.split("|")] for line in lines)
    for cells in body:
        assert len(cells) == len(header), f"{len(header)} columns, but a row has {len(cells)}: {cells}"
    return header, [[{"": None, "''": ""}.get(cell, cell) for cell in cells] for cells in body]


def fill(con: duckdb.DuckDBPyConnection, table: str, text: str) -> None:
    """Replace a table's rows by those drawn; columns left out are NULL (landed ones have defaults)."""
    header, body = table_rows(text)
    types = {row[0]: row[1] for row in con.execute(f"describe {table}").fetchall()}
    unknown = [column for column in header if column not in types]
    assert not unknown, f"{table} has no column {', '.join(unknown)}; it has {', '.join(types)}"
    defaults = {name: sql for name, sql in LANDED.items() if name in types and name not in header}
    if not table.startswith("raw."):
        defaults = {name: sql for name, sql in defaults.items() if name == "source"}
    con.execute(f"delete from {table}")
    for number, cells in enumerate(body, start=1):
        casts = [f"cast(? as {types[column]})" for column in header]
        chosen = [*casts, *(sql.replace("number", str(number)) for sql in defaults.values())]
        names = ", ".join(quoted(column) for column in [*header, *defaults])
        con.execute(f"insert into {table} ({names}) select {', '.join(chosen)}", cells)


def ancestors(name: str) -> Iterator[models.Model]:
    """The model and all it reads from, in building order."""
    ordered = models.load_models()
    by_name = {model.name: model for model in ordered}
    wanted, stack = {name}, [name]
    while stack:
        for reference in by_name[stack.pop()].references:
            if reference in by_name and reference not in wanted:
                wanted.add(reference)
                stack.append(reference)
    return (model for model in ordered if model.name in wanted)


@pytest.fixture(scope="session")
def empty_warehouse() -> Iterator[duckdb.DuckDBPyConnection]:
    """Raw tables without a row, with the real policies, targets and calendars: making them takes longest."""
    with engines.open_memory() as con:
        raw.create_tables(con, "memory", schemas=("raw",))
        models.create_inputs(con, "memory")
        yield con


@pytest.fixture
def run_model(empty_warehouse: duckdb.DuckDBPyConnection) -> RunModel:
    """Run one model on given rows: run_model("core.fct_x", {"staging.stg_y": "<table>"}, select="a, b").

    Tables not given are built from empty exports and the real policies, targets and calendars. `raw.run` and
    `raw.sources` may be given; by default it is 2025-07-01 00:00 UTC in Asia/Shanghai, and the one source is
    `sample`. Rows come back in the order of all columns.
    """
    con = empty_warehouse

    def run(name: str, inputs: Mapping[str, str], select: str = "*") -> Rows:
        given = {"raw.run": RUN, "raw.sources": SOURCES, **inputs}
        known = {f"raw.{stem}" for stem in (*datasets(), *models.static_inputs(), *models.RUN_INPUTS)}
        known |= {model.name for model in models.load_models()}
        assert given.keys() <= known, f"no such table: {', '.join(given.keys() - known)}"
        con.execute("begin")
        try:
            for table in given.keys() & {each for each in known if each.startswith("raw.")}:
                fill(con, table, given[table])
            for model in ancestors(name):
                models.build(con, model, lambda table: "")
                if model.name in given:
                    fill(con, model.name, given[model.name])
            return con.execute(f"select {select} from {name} order by all").fetchall()
        finally:
            con.execute("rollback")

    return run


MakeSnapshot = Callable[..., Snapshot]

SAMPLE_TICKETS = 6_000
FULL_TICKETS = 3_000
SAMPLE_UNTIL = date(2025, 6, 30)


@pytest.fixture(scope="session")
def make_snapshot(tmp_path_factory: pytest.TempPathFactory) -> MakeSnapshot:
    """Build every model on given rows and open the result as pages do: make_snapshot({"raw.tickets": "<table>"}).

    Each source named in the rows gets its own customer namespace. `as_of` is UTC.
    """

    def make(inputs: Mapping[str, str], as_of: str = "2025-07-01 00:00:00") -> Snapshot:
        file = tmp_path_factory.mktemp("made") / "snapshot.duckdb"
        with duckdb.connect(str(file)) as con:
            con.execute("set timezone = 'UTC'")
            raw.create_tables(con, file.stem, schemas=("raw",))
            models.create_inputs(con, file.stem)
            con.execute("insert into raw.run values ('R1', cast(? as timestamp), 'Asia/Shanghai')", [as_of])
            con.execute("insert into raw.loads by name select 'L1' as load_id, as_of as data_through from raw.run")
            for table, text in inputs.items():
                fill(con, table, text)
                if table == "raw.nights":
                    continue
                con.execute(
                    "insert into raw.sources by name select distinct source, source as customer_namespace "
                    f"from {table} where source not in (select source from raw.sources)"
                )
            for model in models.load_models():
                models.build(con, model, lambda table: "")
            effects.measure(con)
            con.execute("create schema meta")
            con.execute("create table meta.run as select run_id, as_of, business_timezone from raw.run")
            con.execute("create table meta.datasets as select dataset, source, row_count from core.dim_datasets")
            told = con.execute("select as_of from raw.run").fetchone()
        assert told is not None
        return Snapshot(run_id="R1", as_of=told[0], published_at=told[0], file=file)

    return make


@pytest.fixture(scope="session")
def sample_snapshot(tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    """What readers see after one night on the core sample exports: two years that end with 2025-06-30."""
    return night_on_samples(tmp_path_factory, "sample", tickets=SAMPLE_TICKETS, optional=False)


@pytest.fixture(scope="session")
def full_snapshot(tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    """The same after a night on every export, the optional ones too."""
    return night_on_samples(tmp_path_factory, "full", tickets=FULL_TICKETS, optional=True)


def night_on_samples(
    tmp_path_factory: pytest.TempPathFactory,
    name: str,
    *,
    tickets: int,
    optional: bool,
    until: date = SAMPLE_UNTIL,
) -> Snapshot:
    """Write samples, run one night on them, and open what it published: once for all workers of the run."""

    def make(root: Path) -> None:
        write_samples(root / "exports", tickets=tickets, until=until, optional=optional)
        outcome = pipeline.run(root / "exports", Settings(home=root / "warehouse", settle_seconds=0))
        assert outcome.verdict == "published", outcome.findings

    snapshot = open_snapshot(made_once(tmp_path_factory, f"night_on_{name}", make) / "warehouse")
    assert snapshot is not None
    return snapshot
