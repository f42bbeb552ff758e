"""How long `aftercare kpi` takes, for every KPI: `python -m tests.benchmarks.kpi HOME [--repeat N] [--json FILE]`.

Two ratios a KPI, both measured in one run, interleaved, medians of the repeats: the whole command against
`python -c 'import duckdb, polars'`, and the read side's answer against its plain SQL on a connection of its own.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from dashboard.metrics import query
from dashboard.metrics.access import Scope
from ingestion.warehouse import engines, kpi_sql
from ingestion.warehouse.kpis import Filter, Kpi, load_kpis
from tests.benchmarks.measuring import IMPORTS, interleaved, process, seconds

if TYPE_CHECKING:
    from collections.abc import Callable

    import duckdb


def command(kpi: Kpi, home: Path) -> list[str]:
    return [sys.executable, "-m", "dashboard.cli", "kpi", kpi.id, "--home", str(home), "--format", "json"]


def plain(snapshot: query.Snapshot, kpi: Kpi, con: duckdb.DuckDBPyConnection) -> Callable[[], object]:
    """The KPI's SQL with its values, on a connection that does nothing else."""
    wanted = query.complete_filter(snapshot, Filter())
    question = kpi_sql.Question(wanted, (), "total", snapshot.last_date)
    columns = snapshot.columns.get(kpi.mart.model, ()) if kpi.mart else ()
    asked = kpi_sql.value_query(kpi, question, columns)
    return lambda: con.execute(asked.sql, list(asked.binds)).fetchall()


def measure(snapshot: query.Snapshot, kpi: Kpi, home: Path, repeat: int) -> dict[str, object]:
    with engines.open_reader(snapshot.file) as con:
        straight = plain(snapshot, kpi, con)
        told = interleaved(
            {
                "floor": lambda: process(IMPORTS).wall,
                "command": lambda: process(command(kpi, home)).wall,
                "sql": lambda: seconds(straight),
                "answer": lambda: seconds(lambda: query.values(snapshot, Scope.everything(), kpi, Filter())),
            },
            repeat,
        )
    return {
        "kpi": kpi.id,
        "command_over_imports": round(told["command"] / told["floor"], 2),
        "answer_over_sql": round(told["answer"] / told["sql"], 2),
        **{f"{name}_seconds": round(found, 4) for name, found in told.items()},
    }


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("home", type=Path)
    asked.add_argument("--repeat", type=int, default=3)
    asked.add_argument("--json", type=Path)
    options = asked.parse_args()
    snapshot = query.open_snapshot(options.home)
    if snapshot is None:
        asked.error("nothing is published there")
    found = []
    for kpi in load_kpis().values():
        row = measure(snapshot, kpi, options.home, options.repeat)
        found.append(row)
        told = f"{kpi.id:44} {row['command_over_imports']:>6} x imports {row['answer_over_sql']:>6} x SQL"
        print(told, flush=True)
    for name in ("command_over_imports", "answer_over_sql"):
        ratios = sorted(float(str(row[name])) for row in found)
        print(f"{name}: median {median(ratios):.2f}, worst {ratios[-1]:.2f}, of {len(ratios)} KPIs")
    if options.json:
        options.json.write_text(json.dumps(found, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
