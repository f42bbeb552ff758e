"""How long a night takes: `python -m tests.benchmarks.night WORK [--tickets N]... [--repeat K] [--json FILE]`.

For each size: sample exports, then K times in turn the floor (tests/benchmarks/floor.py), a whole first night in a
fresh home, and a second night of one per cent new and changed rows on top of it. Each is a process of its own. Ratios
are within one run, medians of the repeats. The exports stay in WORK for the next time; homes are deleted.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Final

from tests.benchmarks import floor, second_night
from tests.benchmarks.measuring import Took, process, show

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

PROGRAM: Final = (sys.executable, "-m", "dashboard.cli")
SIZES: Final = (100_000, 1_000_000, 10_000_000)
# The day after it must have ended in every time zone.
LAST: Final = datetime.now(tz=UTC).date() - timedelta(days=3)


def exports_of(work: Path, tickets: int) -> tuple[Path, Path, Path, int]:
    """The exports of a size, those of the day after, the floor's folder and the exports' bytes as plain text."""
    root = work / f"{tickets}-{LAST}"
    exports, after, plain = (root / name for name in ("exports", "after", "floor"))
    done = root / "bytes"
    if not done.exists():
        wanted = ["--core-only", "--tickets", str(tickets), "--until", LAST.isoformat()]
        process((*PROGRAM, "samples", str(exports), *wanted))
        second_night.write(exports, after, last=LAST)
        done.write_text(str(floor.prepare(exports, plain)), encoding="utf-8")
    return exports, after, plain, int(done.read_text(encoding="utf-8"))


def night(exports: Path, home: Path) -> Took:
    """One run of the command line, as every night runs it."""
    return process((*PROGRAM, "run", str(exports), "--home", str(home)))


def steps(home: Path) -> Mapping[str, float]:
    """Seconds of each step of the newest run, which its log ends with."""
    newest = max((home / "logs").glob("*.log"))
    for line in reversed(newest.read_text(encoding="utf-8").splitlines()):
        _, found, told = line.partition(" steps ")
        if found:
            return dict(json.loads(told))
    return {}


def published(home: Path) -> Path:
    return home / json.loads((home / "published.json").read_text(encoding="utf-8"))["file"]


def size(folder: Path) -> int:
    """Bytes of all files below a folder."""
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def measure(work: Path, tickets: int, repeat: int) -> dict[str, object]:
    """Everything there is to say of one size."""
    exports, after, plain, text_bytes = exports_of(work, tickets)
    home, out = work / "home", work / "floor.duckdb"
    costs: dict[str, list[Took]] = {"floor": [], "night": [], "delta": []}
    told: dict[str, object] = {}
    for _ in range(repeat):
        shutil.rmtree(home, ignore_errors=True)
        costs["floor"].append(process((sys.executable, "-m", "tests.benchmarks.floor", str(plain), str(out))))
        costs["night"].append(night(exports, home))
        told["night_steps"] = steps(home)
        told["published_bytes"], told["warehouse_bytes"] = published(home).stat().st_size, size(home)
        costs["delta"].append(night(after, home))
        told["delta_steps"] = steps(home)
    told["floor_bytes"], told["exports_bytes"] = out.stat().st_size, text_bytes
    shutil.rmtree(home)
    out.unlink()
    return {"tickets": tickets, **ratios(costs, told, text_bytes), **told}


def ratios(costs: Mapping[str, Sequence[Took]], told: Mapping[str, object], text_bytes: int) -> dict[str, object]:
    """The figures of the table of reaches, and what they are made of."""
    seconds = {name: median(cost.wall for cost in found) for name, found in costs.items()}
    cpu = {name: median(cost.cpu for cost in found) for name, found in costs.items()}
    peak = {name: max(cost.peak_mib for cost in found) for name, found in costs.items()}
    return {
        "night_over_floor": round(_ratio(costs["night"], costs["floor"]), 2),
        "night_over_floor_cpu": round(cpu["night"] / cpu["floor"], 2),
        "delta_over_night": round(_ratio(costs["delta"], costs["night"]), 3),
        "delta_over_night_cpu": round(cpu["delta"] / cpu["night"], 3),
        "published_over_exports": round(int(str(told["published_bytes"])) / text_bytes, 3),
        **{f"{name}_seconds": round(value, 1) for name, value in seconds.items()},
        **{f"{name}_cpu_seconds": round(value, 1) for name, value in cpu.items()},
        **{f"{name}_peak_mib": round(value) for name, value in peak.items()},
    }


def _ratio(mine: Sequence[Took], others: Sequence[Took]) -> float:
    """The median over the repeats of what each pair, measured one after the other, says."""
    return median(one.wall / other.wall for one, other in zip(mine, others, strict=True))


SHOWN: Final = (
    *("tickets", "night_over_floor", "night_over_floor_cpu", "delta_over_night", "delta_over_night_cpu"),
    *(
        "published_over_exports",
        "floor_seconds",
        "night_seconds",
        "delta_seconds",
        "night_peak_mib",
        "delta_peak_mib",
    ),
)


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("work", type=Path)
    asked.add_argument("--tickets", type=int, action="append")
    asked.add_argument("--repeat", type=int, default=3)
    asked.add_argument("--json", type=Path)
    options = asked.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)
    # The exports were written a moment ago; whoever measures does not want to wait for them to settle.
    os.environ["AFTERCARE_SETTLE_SECONDS"] = "0"
    found = []
    for tickets in options.tickets or SIZES:
        found.append(measure(options.work, tickets, options.repeat))
        print(f"{tickets}: {found[-1]['night_steps']} then {found[-1]['delta_steps']}", file=sys.stderr, flush=True)
    show(found, options.json, SHOWN)


if __name__ == "__main__":
    main()
