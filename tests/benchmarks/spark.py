"""What Spark costs beside DuckDB: `python -m tests.benchmarks.spark WORK [--tickets N]... [--json FILE]`.

For each size: sample exports, then one night built by DuckDB and one by a master and two workers of this machine.
Measured is what lies between raw rows and the built file, checks on Spark included: the rest of a night is the same
program. Processor seconds are those of all processes together. Between the smallest and the largest size, growth is
taken as a straight line: what it has before the first ticket is the price of Spark itself, its slope that of volume.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import sys
from pathlib import Path
from time import perf_counter, process_time
from typing import TYPE_CHECKING, Any, Final

from tests.benchmarks.measuring import process, show
from tests.benchmarks.night import exports_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

ENGINES: Final = ("duckdb", "spark")
SIZES: Final = (3_000, 30_000, 100_000)
MEMORY: Final = "1GB"
PRICE: Final = 0.05
"""Of a core for an hour, in whatever money: about what a cloud asks for a general purpose machine by the hour."""
BEGIN, JAVA_ENDS, END = "waiting_judged", "built_by_spark", "built"


class Meter:
    """Time, and processor seconds of this process and of the Java processes below it, between steps of a run."""

    def __init__(self) -> None:
        self.told: dict[str, float] = {}
        self._begun = (0.0, 0.0)

    def __call__(self, step: str) -> None:
        if step == BEGIN:
            self._begun = (perf_counter(), process_time())
        elif step == JAVA_ENDS:
            # Workers leave with their work: what they cost can be read for the last time.
            self.told |= java_costs()
        elif step == END:
            self.told["build_seconds"] = perf_counter() - self._begun[0]
            self.told["python_cpu"] = process_time() - self._begun[1]


def java_costs() -> dict[str, float]:
    """Processor seconds and the most memory of the driver, and of the workers' executors together."""
    from tests.ingestion.cluster import children

    found = {"driver_cpu": 0.0, "workers_cpu": 0.0, "driver_mib": 0.0, "workers_mib": 0.0}
    for each in (Path("/proc") / str(number) for number in children(os.getpid())):
        command = (each / "cmdline").read_text(errors="replace")
        who = next(
            (who for sign, who in (("SparkSubmit", "driver"), ("CoarseGrained", "workers")) if sign in command), ""
        )
        if who:
            fields = (each / "stat").read_text().rpartition(")")[2].split()
            found[f"{who}_cpu"] += (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
            most = next(line for line in (each / "status").read_text().splitlines() if line.startswith("VmHWM"))
            found[f"{who}_mib"] += int(most.split()[1]) / 1024
    return found


def night(engine: str, exports: Path, home: Path) -> dict[str, float]:
    """One first night in a home of its own, in this process."""
    from ingestion import pipeline, steps
    from ingestion.settings import Settings
    from tests.gates import open_gate
    from tests.ingestion.cluster import cluster_in

    meter = Meter()
    told: dict[str, Any] = {"home": home, "settle_seconds": 0}
    steps.listeners.append(meter)
    try:
        with open_gate():
            if engine == "duckdb":
                outcome = pipeline.run(exports, Settings(**told))
            else:
                told |= {"memory_limit": MEMORY, "spark_shared": str(home / "shared")}
                with cluster_in(home / "cluster") as cluster:
                    outcome = pipeline.run(exports, Settings(**told, spark_master=cluster.url), engine="spark")
    finally:
        steps.listeners.remove(meter)
    assert outcome.verdict == "published", outcome.findings
    cpu = sum(value for name, value in meter.told.items() if name.endswith("_cpu"))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {**meter.told, "cpu_seconds": cpu, "python_mib": peak}


def measure(work: Path, tickets: int) -> list[dict[str, object]]:
    exports = exports_of(work, tickets)[0]
    found: list[dict[str, object]] = []
    for engine in ENGINES:
        home = work / "home"
        shutil.rmtree(home, ignore_errors=True)
        took = process((sys.executable, "-m", "tests.benchmarks.spark", str(exports), "--night", engine, str(home)))
        shutil.rmtree(home)
        told = json.loads(took.out.splitlines()[-1])
        found.append(
            {"tickets": tickets, "engine": engine, **{name: round(value, 1) for name, value in told.items()}}
        )
    return found


def growth(found: Sequence[Mapping[str, Any]], price: float) -> list[dict[str, object]]:
    """What each engine costs before the first ticket, and per million of them."""
    rows: list[dict[str, object]] = []
    for engine in ENGINES:
        least, most = (
            pick((one for one in found if one["engine"] == engine), key=lambda one: one["tickets"])
            for pick in (min, max)
        )
        for figure in ("cpu_seconds", "build_seconds"):
            millions = (most["tickets"] - least["tickets"]) / 1e6
            slope = (most[figure] - least[figure]) / millions if millions else 0.0
            fixed = most[figure] - slope * most["tickets"] / 1e6
            row = {"engine": engine, "figure": figure, "fixed": round(fixed, 1), "a_million_tickets": round(slope, 1)}
            if figure == "cpu_seconds":
                row |= {
                    "price_fixed": round(fixed / 3600 * price, 4),
                    "price_a_million": round(slope / 3600 * price, 4),
                }
            rows.append(row)
    return rows


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("work", type=Path)
    asked.add_argument("--tickets", type=int, action="append")
    asked.add_argument("--price", type=float, default=PRICE)
    asked.add_argument("--json", type=Path)
    asked.add_argument("--night", nargs=2, metavar=("ENGINE", "HOME"), help=argparse.SUPPRESS)
    options = asked.parse_args()
    if options.night:
        engine, home = options.night
        print(json.dumps(night(engine, options.work, Path(home))))
        return
    options.work.mkdir(parents=True, exist_ok=True)
    found = [row for tickets in options.tickets or SIZES for row in measure(options.work, tickets)]
    show(found, options.json)
    show(growth(found, options.price), Path(os.devnull))


if __name__ == "__main__":
    main()
