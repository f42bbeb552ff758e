"""Spark as the builder: the models of sql/ translated, run and checked by Spark, what is published brought back.

Spark only builds. Raw rows lie in shared storage as Parquet (spark_inputs), each model becomes a table of such files
there, those that do not read each other side by side; then the checks are asked (spark_checks), and only then DuckDB
reads. A published model returns into a table that has the columns and types DuckDB itself declares for it: whichever
engine built a snapshot, it holds the same. The others stay where they are, for DuckDB to look into.
"""

from __future__ import annotations

from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from graphlib import TopologicalSorter
from typing import TYPE_CHECKING, TypeVar

import duckdb

from ingestion.sqltext import literal, quoted
from ingestion.steps import reached
from ingestion.warehouse import models, spark_checks, spark_inputs, spark_session, spark_storage
from ingestion.warehouse.errors import GrainBroken, ModelFailed
from ingestion.warehouse.spark_session import log
from ingestion.warehouse.spark_sql import translated

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from data_checks.gate import CheckResult
    from ingestion.settings import Settings
    from ingestion.warehouse.models import Model
    from ingestion.warehouse.spark_checks import Question
    from ingestion.warehouse.spark_session import Spark
    from ingestion.warehouse.spark_storage import Storage

_T = TypeVar("_T")
_R = TypeVar("_R")

require = spark_session.require
# Statements under way at once: while Java plans one, the executors work on others.
_AT_ONCE = 4
_IN_ONE = 10


def build(
    con: duckdb.DuckDBPyConnection,
    ordered: Sequence[Model],
    catalog_of: Callable[[str], str],
    workdir: Path,
    settings: Settings,
    beginning: Callable[[str], None],
    judge: Callable[[Sequence[CheckResult]], None] | None = None,
) -> None:
    """Build every model on Spark into what models.build would have made: grains verified, checks asked.

    Args:
        workdir: a folder of this run that `con` may reach.
        beginning: told each model's name before it is built.
        judge: told the checks that failed on Spark, before anything comes back; raises to stop. Without it none is
            asked.

    Raises:
        SparkMissing, SparkUnreachable: Spark does not start.
        SparkLost: the cluster had no worker left.
        SharedUnusable, SharedTaken: the shared storage is not there for us.
        ModelInvalid: a model says something that Spark would understand differently.
        ModelFailed, GrainBroken: as models.build.
    """
    statements = {model.name: translated(model) for model in ordered}
    place, run = spark_storage.location(workdir, settings), spark_storage.new_run()
    with spark_session.running(workdir, f"{place}/{run}/tables", settings) as spark:
        storage = spark_storage.open_storage(place, workdir, spark.session, settings.home)
        read = {each for model in ordered for each in model.references if each.startswith("raw.")}
        spark_inputs.hand_over(con, spark.session, storage, run, sorted(read), catalog_of)
        reached("handed_to_spark")
        for folder in models.FOLDERS:
            spark.session.sql(f"create database if not exists {folder}")
        _build_all(spark, ordered, statements, beginning)
        counts = _verified(spark, ordered)
        if judge is not None:
            judge(_failed(spark, ordered, counts))
        reached("built_by_spark")
        spark.watch.tell_executors()
        for model in ordered:
            target = _bring_back(con, model, catalog_of, storage, run)
            _count(con, model, target, counts[model.name])


def _build_all(
    spark: Spark, ordered: Sequence[Model], statements: dict[str, str], beginning: Callable[[str], None]
) -> None:
    """Build every model as soon as those it reads are there."""
    by_name = {model.name: model for model in ordered}
    order = TopologicalSorter({model.name: model.references.keys() & by_name.keys() for model in ordered})
    order.prepare()
    at_work: dict[Future[None], str] = {}
    with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="aftercare-spark") as pool:
        try:
            ready: list[str] = []
            while order.is_active():
                ready += order.get_ready()
                while ready and len(at_work) < _AT_ONCE:
                    name = ready.pop(0)
                    beginning(name)
                    at_work[pool.submit(_run, spark, by_name[name], statements[name])] = name
                done, _ = wait(at_work, return_when=FIRST_COMPLETED)
                for future in done:
                    name = at_work.pop(future)
                    future.result()
                    order.done(name)
                    reached("model_built")
        except BaseException:
            # The others must not go on for hours behind a run that has ended.
            _cancel(spark)
            raise


def _cancel(spark: Spark) -> None:
    from py4j.protocol import Py4JError

    try:
        spark.session.sparkContext.cancelAllJobs()
    except (Py4JError, OSError, AttributeError):
        return


def _run(spark: Spark, model: Model, statement: str) -> None:
    kind, form = ("view", "") if model.is_view else ("table", "using parquet ")
    _asked(spark, model.name, lambda: spark.session.sql(f"create {kind} {model.name} {form}as {statement}"))


def _verified(spark: Spark, ordered: Sequence[Model]) -> dict[str, int]:
    """Prove the grain of every model; returns its rows. Raises GrainBroken for the first whose is not kept."""

    def look(some: Sequence[Model]) -> list[tuple[int, int]]:
        return _asked(spark, some[0].name, lambda: spark_checks.rows_and_repeats(spark.session, some))

    counts = {}
    for some, found in _side_by_side(spark, look, _slices(ordered)):
        for model, (count, repeated) in zip(some, found, strict=True):
            if repeated:
                raise GrainBroken(model=model.name, grain=", ".join(model.grain), keys=repeated)
            counts[model.name] = count
    return counts


def _asked(spark: Spark, model: str, ask: Callable[[], _T]) -> _T:
    """What Spark answers. Raises ModelFailed, or SparkLost where nobody was left to answer."""
    from py4j.protocol import Py4JError
    from pyspark.errors import PySparkException

    try:
        return ask()
    except (PySparkException, Py4JError, OSError) as error:
        spark.watch.raise_if_lost()
        raise ModelFailed(model=model, reason=_gist(error)) from error


def _gist(error: Exception) -> str:
    """What Spark says of a statement; of data only the kind of fault, since it quotes the value."""
    from pyspark.errors import AnalysisException, PySparkException

    if isinstance(error, AnalysisException):
        return models.first_line(error)
    condition = error.getCondition() if isinstance(error, PySparkException) else None
    return condition or type(error).__name__


def _failed(spark: Spark, ordered: Sequence[Model], counts: dict[str, int]) -> list[CheckResult]:
    """The checks that do not hold of what Spark built."""
    from pyspark.errors import AnalysisException

    def answer(some: Sequence[Question]) -> list[int]:
        try:
            return _asked(spark, some[0].model, lambda: spark_checks.answers(spark.session, some))
        except ModelFailed as error:
            if not isinstance(error.__cause__, AnalysisException):
                raise
            if len(some) > 1:
                return [found for one in some for found in answer([one])]
            # A rule written for DuckDB that Spark cannot read: the gate asks it of the snapshot, and stops there.
            log.warning("not asked on spark: %s %s", some[0].model, some[0].en)
            return [0]

    asked = list(spark_checks.questions(ordered, lambda name: spark.session.table(name).columns))
    parts = [*_slices([one for one in asked if not one.is_of_rows]), *spark_checks.by_model(asked).values()]
    return [
        one.failed(rows, counts[one.model])
        for some, found in _side_by_side(spark, answer, parts)
        for one, rows in zip(some, found, strict=True)
        if rows
    ]


def _slices(many: Sequence[_T]) -> list[Sequence[_T]]:
    """A few at a time: what is asked in one statement costs Java one job, and its plan must not grow without end."""
    return [many[place : place + _IN_ONE] for place in range(0, len(many), _IN_ONE)]


def _side_by_side(
    spark: Spark, ask: Callable[[Sequence[_T]], list[_R]], parts: Sequence[Sequence[_T]]
) -> list[tuple[Sequence[_T], list[_R]]]:
    with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="aftercare-spark") as pool:
        try:
            return list(zip(parts, pool.map(ask, parts), strict=True))
        except BaseException:
            _cancel(spark)
            raise


def _bring_back(
    con: duckdb.DuckDBPyConnection, model: Model, catalog_of: Callable[[str], str], storage: Storage, run: str
) -> str:
    """Give DuckDB what it declares for the model: a table, filled, if it is published, else a view of Spark's files.

    Returns:
        Its full name.
    """
    try:
        target = models.create(con, model, catalog_of, empty=True)
        if model.is_view:
            return target
        columns = con.execute(f"describe {target}").fetchall()
        select = ", ".join(
            f"cast({quoted(name)} as {data_type}) as {quoted(name)}" for name, data_type, *_ in columns
        )
        files = storage.here(f"{run}/tables/{model.schema}.db/{model.name.partition('.')[2]}") / "*.parquet"
        rows = f"select {select} from read_parquet({literal(str(files))})"
        if model.is_published:
            con.execute(f"insert into {target} {rows}")
        else:
            con.execute(f"drop table {target}")
            con.execute(f"create view {target} as {rows}")
    except duckdb.Error as error:
        raise ModelFailed(model=model.name, reason=models.first_line(error)) from error
    return target


def _count(con: duckdb.DuckDBPyConnection, model: Model, target: str, count: int) -> None:
    """A network drive may show another machine's files late, or not all of them. Raises ModelFailed."""
    row = con.execute(f"select count(*) from {target}").fetchone()
    if row is None or row[0] != count:
        raise ModelFailed(model=model.name, reason=f"{row[0] if row else 0} of {count} rows are to be seen here")
