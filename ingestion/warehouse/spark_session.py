"""The Spark that builds: one of this process, or a cluster whose driver this process is; gone afterwards.

What Spark is told lies in settings. Options may hold keys to a store, so they reach Spark through its driver's own
memory: neither the command line of a process nor any log shows them.
"""

from __future__ import annotations

import logging
import re
import shutil
import signal
import subprocess
import threading
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib.util import find_spec
from os import environ
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ingestion.warehouse.errors import SparkLost, SparkMissing, SparkUnreachable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ingestion.settings import Settings

log = logging.getLogger("aftercare.run")

# Less than this and Spark refuses to start.
_MIN_MEMORY_MIB = 512
_UNITS_MIB = {"K": 1 / 1024, "M": 1.0, "G": 1024.0, "T": 1024.0**2}
_POLL_SECONDS = 1.0
# What Java must know before it starts; everything else is told to the driver once it runs.
_AT_LAUNCH = re.compile(r"spark\.(driver\.(memory|extra\w+)|jars(\..*)?|master|submit\..*)")
_LOOPBACK = re.compile(r"(local\b|spark://(127\.|localhost\b|\[::1\]))")


@dataclass(frozen=True)
class Spark:
    """A Spark that runs: its session, and the watch over its workers."""

    session: Any
    watch: Watch


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


@contextmanager
def running(workdir: Path, tables: str, settings: Settings) -> Iterator[Spark]:
    """Start Spark, or join a cluster, and leave it however this ends.

    Args:
        workdir: an empty folder of this run, on this machine.
        tables: where the tables it makes lie, as Spark names it.

    Raises:
        SparkMissing: Java does not start.
        SparkUnreachable: no cluster answers at the master's address.
    """
    from py4j.protocol import Py4JError
    from pyspark import SparkConf, SparkContext
    from pyspark.logger import PySparkLogger
    from pyspark.sql import SparkSession

    for name in ("SQLQueryContextLogger", "DataFrameQueryContextLogger"):
        # They would print a failing statement's error, which quotes a customer's data, on the terminal.
        PySparkLogger.getLogger(name).disabled = True

    local = workdir / "local"
    local.mkdir(parents=True)
    told = configuration(tables, local, settings)
    interrupt = signal.getsignal(signal.SIGINT)
    with _java(SparkConf(loadDefaults=False).setAll(list(at_launch(told).items())), workdir / "spark.log") as gateway:
        conf = SparkConf(loadDefaults=False).setAll(list(told.items()))
        try:
            context = SparkContext(conf=conf, gateway=gateway)
        except Py4JError as error:
            raise SparkUnreachable(master=settings.spark_master) from error
        watch = Watch(context, settings)
        try:
            yield Spark(SparkSession(context), watch)
        finally:
            watch.end()
            # If Java is gone already, what ended it is on its way up.
            with suppress(Py4JError, OSError):
                context.stop()
            if threading.current_thread() is threading.main_thread():
                # Pyspark leaves its own, which asks a Spark that has ended to cancel its jobs.
                signal.signal(signal.SIGINT, interrupt)


class Watch:
    """Ends what runs when a cluster has had no worker for too long: Spark itself would wait for ever."""

    def __init__(self, context: Any, settings: Settings) -> None:
        self.is_lost = False
        self._context = context
        self._settings = settings
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._look, name="aftercare-spark-watch", daemon=True)
        if not is_local(settings):
            self._thread.start()

    def raise_if_lost(self) -> None:
        """Raises SparkLost where the reason of a failure is that nobody was left to do the work."""
        from py4j.protocol import Py4JError

        try:
            is_over = self._context._jsc.sc().isStopped()
        except (Py4JError, OSError, AttributeError):
            is_over = True
        if self.is_lost or is_over:
            raise SparkLost(master=self._settings.spark_master, seconds=int(self._settings.spark_wait_seconds))

    def tell_executors(self) -> None:
        """Write to the run's log who did the work."""
        found = self._context._jsc.sc().statusStore().executorList(False)
        for one in (found.apply(number) for number in range(found.size())):
            log.info("spark executor %s at %s: %s tasks", one.id(), one.hostPort(), one.totalTasks())

    def end(self) -> None:
        self._is_over.set()
        if self._thread.is_alive():
            self._thread.join()

    def _look(self) -> None:
        from py4j.protocol import Py4JError

        seen = time.monotonic()
        with suppress(Py4JError, OSError, AttributeError):
            while not self._is_over.wait(_POLL_SECONDS):
                # The driver is always among them.
                if self._context._jsc.sc().getExecutorMemoryStatus().size() > 1:
                    seen = time.monotonic()
                elif time.monotonic() - seen > self._settings.spark_wait_seconds:
                    self.is_lost = True
                    # Again and again: a model that was being planned may begin its job only now.
                    self._context.cancelAllJobs()


@contextmanager
def _java(conf: Any, said_to: Path) -> Iterator[Any]:
    """The Java process that Spark runs in. What it says on its own goes to a file, not to the terminal."""
    from pyspark import SparkContext, java_gateway
    from pyspark.errors import PySparkRuntimeError

    launch: Any = java_gateway.launch_gateway
    with said_to.open("w", encoding="utf-8") as said:
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


def is_local(settings: Settings) -> bool:
    """Whether Spark runs in a process of this machine that ends with the run."""
    return settings.spark_master.startswith("local")


def configuration(tables: str, local: Path, settings: Settings) -> dict[str, str]:
    """Everything Spark is told: how we would have it, what settings say otherwise, and what results depend on."""
    master = settings.spark_master
    given = {name: value.get_secret_value() for name, value in settings.spark_options.items()}
    return {
        "spark.driver.memory": f"{_mebibytes(settings.memory_limit)}m",
        **(
            {"spark.driver.bindAddress": "127.0.0.1", "spark.driver.host": "127.0.0.1"}
            if _LOOPBACK.match(master)
            else {}
        ),
        # In one machine 200 pieces, the default, cost more in files than they save in memory.
        **({"spark.sql.shuffle.partitions": "16"} if is_local(settings) else {}),
        # Models that do not read each other are built side by side.
        "spark.scheduler.mode": "FAIR",
        **given,
        **FIXED,
        "spark.app.name": "aftercare",
        "spark.master": f"local[{settings.threads or '*'}]" if master == "local" else master,
        "spark.driver.extraJavaOptions": (
            f'"-Djava.io.tmpdir={local.resolve()}" {given.get("spark.driver.extraJavaOptions", "")}'.strip()
        ),
        "spark.local.dir": str(local.resolve()),
        "spark.sql.warehouse.dir": tables,
    }


def at_launch(told: dict[str, str]) -> dict[str, str]:
    """The part of a configuration that may stand on the command line of a process, for everybody to read."""
    return {name: value for name, value in told.items() if _AT_LAUNCH.fullmatch(name)}


# What equal numbers, clean logs and whole tables rest upon: no setting changes it.
FIXED = {
    "spark.sql.catalogImplementation": "in-memory",
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.ansi.enabled": "true",
    # Spark would replace ${...} even within the text of a literal.
    "spark.sql.variable.substitute": "false",
    # A task that runs twice must not leave its rows twice.
    "spark.hadoop.mapreduce.fileoutputcommitter.algorithm.version": "1",
    "spark.log.level": "ERROR",
    "spark.logConf": "false",
    "spark.eventLog.enabled": "false",
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
}


def _mebibytes(memory_limit: str) -> int:
    """The memory limit as DuckDB writes it ("1500MB", "2 GiB") for Java, which wants whole mebibytes."""
    found = re.match(r"([\d.]+)\s*([KMGT])", memory_limit)
    size = float(found[1]) * _UNITS_MIB[found[2]] if found else _MIN_MEMORY_MIB
    return max(_MIN_MEMORY_MIB, int(size))
