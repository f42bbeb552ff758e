"""A night within little memory: what DuckDB may hold is bounded, and so is all that Python adds to it."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import date
from typing import TYPE_CHECKING

import pytest

from ingestion.samples import write_samples
from ingestion.usage import MIB

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.slow, pytest.mark.soak]

TICKETS = 20_000
LIMIT_MIB = 700
BESIDE_MIB = 1024
"""What Python, Great Expectations and DuckDB's own bookkeeping may take beyond the limit."""

NIGHT = """
import json, sys
from pathlib import Path
from ingestion import pipeline, usage
from ingestion.settings import Settings
exports, home, limit = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
outcome = pipeline.run(exports, Settings(home=home, settle_seconds=0, memory_limit=limit, threads=2))
print(json.dumps({"verdict": outcome.verdict, "peak": usage.peak_memory()}))
"""


def test_a_night_keeps_to_its_memory(tmp_path: Path) -> None:
    write_samples(tmp_path / "exports", tickets=TICKETS, until=date(2025, 6, 30), optional=False)
    script = tmp_path / "night.py"
    script.write_text(NIGHT, encoding="utf-8")
    command = [sys.executable, str(script), str(tmp_path / "exports"), str(tmp_path / "home"), f"{LIMIT_MIB}MiB"]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    told = json.loads(said.splitlines()[-1])
    assert told["verdict"] == "published"
    assert told["peak"] <= (LIMIT_MIB + BESIDE_MIB) * MIB
