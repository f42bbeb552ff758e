"""Spark as the builder: the models of sql/ translated, run by a local Spark, and brought back into DuckDB.

Spark only builds. The inputs leave DuckDB as Parquet below the run's own folder, each model becomes a Parquet table,
and its rows return into a table that has the columns and types DuckDB itself declares for the model: whichever
engine built a snapshot, it holds the same. SQLGlot translates syntax, not meaning; where a function means something
else on Spark, `translated` says so and puts right what it can.
"""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
import threading
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from os import environ
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import sqlglot
from sqlglot import exp

from ingestion.sqltext import literal, quoted
from ingestion.warehouse import models
from ingestion.warehouse.errors import ModelFailed, ModelInvalid, SparkMissing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from ingestion.settings import Settings
    from ingestion.warehouse.models import Model

# Less than this and Spark refuses to start.
_MIN_MEMORY_MIB = 512
_UNITS_MIB = {"K": 1 / 1024, "M": 1.0, "G": 1024.0, "T": 1024.0**2}


def require() -> None:
    """Prove, before a run begins, that Spark can be started at all.

    Raises:
        SparkMissing: no pyspark or no Java.
    """
    if find_spec("pyspark") is None:
        raise SparkMissing(missing="pyspark")
    java = Path(environ["JAVA_HOME"]) / "bin" / "java" if environ.get("JAVA_HOME") else "java"
    if shutil.which(java) is None:
        raise SparkMissing(missing="Java")


def build(
    con: duckdb.DuckDBPyConnection,
    ordered: Sequence[Model],
    catalog_of: Callable[[str], str],
    workdir: Path,
    settings: Settings,
    beginning: Callable[[str], None],
) -> None:
    """Build every model on Spark into the tables that models.build would have made, grains verified.

    Args:
        workdir: a folder of this run that `con` may reach; everything Spark writes lies below it.
        beginning: told each model's name before it is built.

    Raises:
        SparkMissing: Spark does not start.
        ModelInvalid: a model says something that Spark would understand differently.
        ModelFailed, GrainBroken: as models.build.
    """
    statements = {model.name: translated(model) for model in ordered}
    with _session(workdir, settings) as session:
        for database in ("raw", *models.FOLDERS):
            session.sql(f"create database if not exists {database}")
        for table in sorted({each for model in ordered for each in model.references if each.startswith("raw.")}):
            _take_over(session, con, table, f"{catalog_of(table)}.{table}".lstrip("."), workdir / "inputs" / table)
        for model in ordered:
            beginning(model.name)
            _run(session, model, statements[model.name])
            _bring_back(con, model, catalog_of, workdir / "tables")


def translated(model: Model) -> str:
    """The model's SELECT in Spark's SQL, meaning what it means on DuckDB.

    Raises:
        ModelInvalid: it uses a date_diff that the two engines count differently.
    """
    tree = sqlglot.parse_one(model.sql, read="duckdb")
    # The innermost first: one may stand within another.
    for node in reversed(list(tree.find_all(exp.AtTimeZone, exp.DateDiff, exp.DayOfWeekIso))):
        if isinstance(node, exp.DateDiff):
            if _unit(node) not in {"SECOND", "DAY"}:
                raise ModelInvalid(model=model.name, reason=f"date_diff in {_unit(node)}: take seconds or days")
            node.replace(_difference(node))
        elif isinstance(node, exp.DayOfWeekIso):
            # SQLGlot makes Monday 3 of it. Spark's weekday() begins with Monday = 0.
            node.replace(exp.paren(exp.func("weekday", node.this) + 1))
        elif isinstance(node.this, exp.AtTimeZone):
            node.replace(_converted(node.this.this, node.this.args["zone"], node.args["zone"]))
    return tree.sql(dialect="spark", comments=False)


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


def _take_over(session: Any, con: duckdb.DuckDBPyConnection, table: str, source: str, folder: Path) -> None:
    """Hand one input to Spark. Nested columns (flags, original) stay behind: no model reads them."""
    from pyspark.sql.types import StructType

    folder.mkdir(parents=True)
    described = con.execute(f"describe {source}").fetchall()
    columns = {quoted(row[0]): row[1] for row in described if not re.search(r"\[\]$|^STRUCT", row[1])}
    file = literal(str(folder / "rows.parquet"))
    con.execute(f"copy (select {', '.join(columns)} from {source}) to {file} (format parquet)")
    # Told the types, Spark need not start a job a table to find them out.
    listed = [f"{name.replace(chr(34), '`')} {_spark_type(data_type)}" for name, data_type in columns.items()]
    schema = StructType.fromDDL(", ".join(listed))
    session.catalog.createTable(table, path=str(folder.resolve()), source="parquet", schema=schema)


def _spark_type(data_type: str) -> str:
    return exp.DataType.build(data_type, dialect="duckdb").sql(dialect="spark")


def _run(session: Any, model: Model, statement: str) -> None:
    from py4j.protocol import Py4JError
    from pyspark.errors import PySparkException

    try:
        session.sql(f"create table {model.name} using parquet as {statement}")
    except (PySparkException, Py4JError) as error:
        raise ModelFailed(model=model.name, reason=_gist(error)) from error


def _gist(error: Exception) -> str:
    """What Spark says of a statement; of data only the kind of fault, since it quotes the value."""
    from pyspark.errors import AnalysisException, PySparkException

    if isinstance(error, AnalysisException):
        return models.first_line(error)
    condition = error.getCondition() if isinstance(error, PySparkException) else None
    return condition or type(error).__name__


def _bring_back(
    con: duckdb.DuckDBPyConnection, model: Model, catalog_of: Callable[[str], str], warehouse: Path
) -> None:
    """Fill the table that DuckDB declares for the model, by name, from the files Spark wrote."""
    folder = warehouse / f"{model.schema}.db" / model.name.partition(".")[2]
    try:
        target = models.create(con, model, catalog_of, empty=True)
        names = [quoted(row[0]) for row in con.execute(f"describe {target}").fetchall()]
        con.execute(
            f"insert into {target} select {', '.join(names)} from read_parquet({literal(str(folder / '*.parquet'))})"
        )
    except duckdb.Error as error:
        raise ModelFailed(model=model.name, reason=models.first_line(error)) from error
    models.verify_grain(con, model, target)


@contextmanager
def _session(workdir: Path, settings: Settings) -> Iterator[Any]:
    """A Spark of this process alone: no pages, no way in but from this machine, gone afterwards."""
    from py4j.protocol import Py4JError
    from pyspark import SparkConf, SparkContext
    from pyspark.logger import PySparkLogger
    from pyspark.sql import SparkSession

    for name in ("SQLQueryContextLogger", "DataFrameQueryContextLogger"):
        # They would print a failing statement's error, which quotes a customer's data, on the terminal.
        PySparkLogger.getLogger(name).disabled = True

    local = workdir / "local"
    local.mkdir(parents=True)
    conf = SparkConf(loadDefaults=False).setAll(list(_configuration(workdir, local, settings).items()))
    interrupt = signal.getsignal(signal.SIGINT)
    with _java(conf, workdir / "spark.log") as gateway:
        context = SparkContext(conf=conf, gateway=gateway)
        try:
            yield SparkSession(context)
        finally:
            # If Java is gone already, what ended it is on its way up.
            with suppress(Py4JError, OSError):
                context.stop()
            if threading.current_thread() is threading.main_thread():
                # Pyspark leaves its own, which asks a Spark that has ended to cancel its jobs.
                signal.signal(signal.SIGINT, interrupt)


@contextmanager
def _java(conf: Any, log: Path) -> Iterator[Any]:
    """The Java process that Spark runs in. What it says on its own goes to `log`, not to the terminal."""
    from pyspark import SparkContext, java_gateway
    from pyspark.errors import PySparkRuntimeError

    launch: Any = java_gateway.launch_gateway
    with log.open("w", encoding="utf-8") as said:
        try:
            gateway = launch(conf, {"stdout": said, "stderr": said})
        except PySparkRuntimeError as error:
            # The launcher is there and ended at once: Java is too old.
            raise SparkMissing(missing="Java 17") from error
        try:
            yield gateway
        finally:
            gateway.shutdown()
            _end(gateway.proc)
            # Pyspark keeps the first Java of a Python process for good; a later run needs its own.
            SparkContext._gateway = SparkContext._jvm = None


def _end(java: subprocess.Popen[bytes]) -> None:
    """Java ends by itself when its input ends; one that is stuck is made to."""
    if java.stdin:
        java.stdin.close()
    try:
        java.wait(timeout=30)
    except subprocess.TimeoutExpired:
        java.kill()
        java.wait()


def _configuration(workdir: Path, local: Path, settings: Settings) -> dict[str, str]:
    return {
        "spark.app.name": "aftercare",
        "spark.master": f"local[{settings.threads or '*'}]",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.host": "127.0.0.1",
        "spark.driver.memory": f"{_mebibytes(settings.memory_limit)}m",
        "spark.driver.extraJavaOptions": f'"-Djava.io.tmpdir={local.resolve()}"',
        "spark.local.dir": str(local.resolve()),
        "spark.sql.warehouse.dir": str((workdir / "tables").resolve()),
        "spark.sql.catalogImplementation": "in-memory",
        "spark.sql.session.timeZone": "UTC",
        "spark.sql.ansi.enabled": "true",
        # Spark would replace ${...} even within the text of a literal.
        "spark.sql.variable.substitute": "false",
        # One machine: 200 pieces, the default, cost more in files than they save in memory.
        "spark.sql.shuffle.partitions": "16",
        "spark.log.level": "ERROR",
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
    }


def _mebibytes(memory_limit: str) -> int:
    """The memory limit as DuckDB writes it ("1500MB", "2 GiB") for Java, which wants whole mebibytes."""
    found = re.match(r"([\d.]+)\s*([KMGT])", memory_limit)
    size = float(found[1]) * _UNITS_MIB[found[2]] if found else _MIN_MEMORY_MIB
    return max(_MIN_MEMORY_MIB, int(size))
