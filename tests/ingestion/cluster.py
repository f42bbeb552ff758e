"""A real Spark cluster of one machine: a master and workers as processes of their own, ended by their ids."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

HOST = "127.0.0.1"
PATIENCE_SECONDS = 60.0


@dataclass
class Cluster:
    """A master, its workers by number, and the folder they write their logs to."""

    folder: Path
    url: str
    master: subprocess.Popen[bytes]
    workers: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def add_worker(self) -> None:
        """Start one more worker with one core, and wait until the master knows it."""
        name = f"worker{len(self.workers)}"
        command = ["worker.Worker", "--host", HOST, "--cores", "1", "--memory", "1g"]
        command += ["--webui-port", str(free_port()), "--work-dir", str(self.folder / name), self.url]
        self.workers.append(started(self.folder / f"{name}.log", command))
        awaited(self.folder / f"{name}.log", "Successfully registered with master")

    def kill_worker(self, number: int) -> None:
        """End a worker and its executors at once, as if its machine had lost power."""
        worker = self.workers[number]
        for process in [worker.pid, *children(worker.pid)]:
            os.kill(process, signal.SIGKILL)
        worker.wait()

    def worked(self) -> list[int]:
        """How many executors each worker was told to start."""
        return [len(list((self.folder / f"worker{n}").glob("app-*/*"))) for n, _ in enumerate(self.workers)]

    def end(self) -> None:
        for process in [*self.workers, self.master]:
            if process.poll() is None:
                process.terminate()
                process.wait(timeout=PATIENCE_SECONDS)


@contextmanager
def cluster_in(folder: Path, workers: int = 2) -> Iterator[Cluster]:
    """Start a cluster that is gone when the block ends."""
    folder.mkdir(parents=True)
    port = free_port()
    command = ["master.Master", "--host", HOST, "--port", str(port), "--webui-port", str(free_port())]
    cluster = Cluster(folder, f"spark://{HOST}:{port}", started(folder / "master.log", command))
    try:
        awaited(folder / "master.log", "New state: ALIVE")
        for _ in range(workers):
            cluster.add_worker()
        yield cluster
    finally:
        cluster.end()


def started(log: Path, command: list[str]) -> subprocess.Popen[bytes]:
    """A daemon of Spark's, from the wheel; what it says goes to a file."""
    import pyspark

    home = Path(pyspark.__file__).parent
    daemon, *arguments = command
    environment = {
        **os.environ,
        "SPARK_HOME": str(home),
        "SPARK_LOCAL_IP": HOST,
        "SPARK_DAEMON_MEMORY": "256m",
        "SPARK_LOCAL_DIRS": str(log.with_suffix(".local")),
    }
    with log.open("wb") as said:
        return subprocess.Popen(
            [home / "bin" / "spark-class", f"org.apache.spark.deploy.{daemon}", *arguments],
            env=environment,
            stdout=said,
            stderr=said,
        )


def awaited(log: Path, words: str) -> None:
    """Wait until a log says something."""
    give_up = time.monotonic() + PATIENCE_SECONDS
    while words not in log.read_text(errors="replace"):
        assert time.monotonic() < give_up, log.read_text(errors="replace")[-2000:]
        time.sleep(0.1)


def free_port() -> int:
    with socket.socket() as one:
        one.bind((HOST, 0))
        return int(one.getsockname()[1])


def children(process: int) -> list[int]:
    """The processes that a process started, and those that they started."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(re.sub(r"^.*\) ", "", stat.read_text()).split()[1])
        except (FileNotFoundError, ProcessLookupError):
            continue
        if parent == process:
            child = int(stat.parent.name)
            found += [child, *children(child)]
    return found
