"""How long commands take to start and to answer: `python -m tests.benchmarks.cli HOME [--repeat N] [--json FILE]`.

Every line is a ratio to `python -c 'import duckdb, polars'`, measured in turn with it, medians of the repeats, once
of the wall and once of the processors. `--help` is what every command costs; the answers are those that cost little.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path
from statistics import median

from dashboard.cli import COMMANDS
from tests.benchmarks.measuring import IMPORTS, Took, process, show

PROGRAM = (sys.executable, "-m", "dashboard.cli")


def asked(home: Path, passport: Path) -> dict[str, tuple[str, ...]]:
    """What is measured: the help of every command, and answers from a published home."""
    there = ("--home", str(home))
    return {
        **{f"{name} --help": (name, "--help") for name in COMMANDS},
        "kpi (json)": ("kpi", "ticket_volume", *there, "--format", "json"),
        "kpi (table)": ("kpi", "ticket_volume", *there),
        "kpi --by region": ("kpi", "first_response_within_limit", *there, "--by", "region", "--format", "json"),
        "kpi --list": ("kpi", "--list", "--format", "json"),
        "status (json)": ("status", *there, "--format", "json"),
        "status (table)": ("status", *there),
        "quarantine (json)": ("quarantine", *there, "--format", "json"),
        "passport": ("passport", str(passport), *there, "--format", "json"),
    }


def run(arguments: tuple[str, ...]) -> Took:
    took = process((*PROGRAM, *arguments), {**os.environ, "AFTERCARE_LANG": "en"})
    assert took.out, f"{arguments} said nothing"
    return took


def measure(home: Path, repeat: int) -> list[dict[str, object]]:
    with tempfile.TemporaryDirectory() as folder:
        passport = Path(folder) / "passport.json"
        passport.write_bytes(run(("kpi", "ticket_volume", "--home", str(home), "--passport")).out)
        return [_line(name, arguments, repeat) for name, arguments in asked(home, passport).items()]


def _line(name: str, arguments: tuple[str, ...], repeat: int) -> dict[str, object]:
    floors, takes = [], []
    for _ in range(repeat):
        floors.append(process(IMPORTS))
        takes.append(run(arguments))
    wall, least_wall = median(one.wall for one in takes), median(one.wall for one in floors)
    cpu, least_cpu = median(one.cpu for one in takes), median(one.cpu for one in floors)
    return {
        "command": name,
        "wall_over_imports": round(wall / least_wall, 2),
        "cpu_over_imports": round(cpu / least_cpu, 2),
        "seconds": round(wall, 3),
        "imports_seconds": round(least_wall, 3),
    }


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("home", type=Path)
    options.add_argument("--repeat", type=int, default=5)
    options.add_argument("--json", type=Path)
    told = options.parse_args()
    show(measure(told.home.resolve(), told.repeat), told.json)


if __name__ == "__main__":
    main()
