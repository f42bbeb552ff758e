"""How the last run ended, in a small file: the ledger itself is the run's alone while one is going on.

A monitor asks every few seconds, and a reader that holds the warehouse file open would keep a run from opening it.
"""

from __future__ import annotations

import json
import logging
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from filelock import FileLock, Timeout

from data_checks.gist import gist
from ingestion.errors import Finding
from ingestion.warehouse.files import write_json

if TYPE_CHECKING:
    import duckdb

    from ingestion.warehouse.places import Places

log = logging.getLogger("aftercare.run")

FINDINGS_KEPT: Final = 500
"""More than a page shows: whether a run may be accepted hangs on every one of them."""


@dataclass(frozen=True)
class LastRun:
    """The newest run of the ledger. Instants are UTC, without a zone; `verdict` None: it has not ended by itself.

    `stopped_by`: the first findings that stopped it, for readers who are shown the snapshot before it.
    """

    run_id: str
    started_at: datetime
    ended_at: datetime | None
    verdict: str | None
    code: str | None
    stopped_by: tuple[Finding, ...] = ()


def keep(con: duckdb.DuckDBPyConnection, places: Places) -> None:
    """Write down what the ledger says of its newest run. The run lock must be held.

    A disk that is full changes nothing about how the run ended: then no file is better than an old one.
    """
    row = con.execute(
        "select run_id, started_at, ended_at, verdict, message_code from warehouse.meta.runs "
        "order by run_id desc limit 1"
    ).fetchone()
    if row is not None:
        run_id, started_at, ended_at, verdict, code = row
        told = {"run_id": run_id, "started_at": started_at.isoformat(), "verdict": verdict, "code": code}
        told |= {"ended_at": ended_at.isoformat() if ended_at else None, "stopped_by": _stopped_by(con, run_id)}
        try:
            write_json(places.last_run, told)
        except OSError as error:
            log.warning("last_run.json cannot be written: %s", gist(error))
            with suppress(OSError):
                places.last_run.unlink(missing_ok=True)


def _stopped_by(con: duckdb.DuckDBPyConnection, run_id: str) -> list[dict[str, Any]]:
    rows = con.execute(
        f"""select code, fields from warehouse.meta.findings where run_id = ? and severity = 'stop'
        order by rowid limit {FINDINGS_KEPT}""",
        [run_id],
    ).fetchall()
    return [{"code": code, "fields": json.loads(fields)} for code, fields in rows]


def read(places: Places) -> LastRun | None:
    """None where no run was ever recorded, or the file is not ours: it is a convenience, and the ledger knows."""
    try:
        told = json.loads(places.last_run.read_text(encoding="utf-8"))
        ended_at = told["ended_at"]
        return LastRun(
            run_id=str(told["run_id"]),
            started_at=datetime.fromisoformat(told["started_at"]),
            ended_at=datetime.fromisoformat(ended_at) if ended_at else None,
            verdict=told["verdict"],
            code=told["code"],
            stopped_by=tuple(Finding(one["code"], one["fields"]) for one in told.get("stopped_by", ())),
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None


def is_going_on(places: Places) -> bool:
    """Whether a process holds the home for writing. Asks by taking the lock, for a moment (see night.lock)."""
    if not places.lock.exists():
        return False
    try:
        with FileLock(places.lock, timeout=0):
            return False
    except Timeout:
        return True
    except OSError:
        # A reader who may not open the lock cannot tell; then the run is believed to go on.
        return True
