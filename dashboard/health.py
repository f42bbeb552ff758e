"""Whether readers see what they were promised: what `aftercare status --check` and /healthz both say.

Two small files are read and one is looked at, so a monitor may ask every few seconds; nothing personal is told.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC
from typing import TYPE_CHECKING, Literal

from dashboard import formats
from dashboard.words import local, sentence
from ingestion.warehouse import last_run, serving
from ingestion.warehouse.errors import WarehouseError
from ingestion.warehouse.places import Places

if TYPE_CHECKING:
    from datetime import datetime, timedelta
    from pathlib import Path

    from dashboard.i18n import Translate
    from ingestion.errors import Finding
    from ingestion.reader_settings import ReaderSettings
    from ingestion.warehouse.last_run import LastRun
    from ingestion.warehouse.serving import Served

Fault = Literal["unreadable", "empty", "older_served", "held", "run_stopped", "run_failed", "run_cut_off", "overdue"]


@dataclass(frozen=True)
class Health:
    """What is wrong, the worst first; nothing: readers see what they were promised. Instants are UTC."""

    faults: tuple[Fault, ...]
    served: Served | None
    fresh_within: timedelta
    age: timedelta | None = None
    # Why nothing can be shown at all.
    cause: Finding | None = None
    last_run_id: str = ""

    @property
    def status(self) -> str:
        return self.faults[0] if self.faults else "ok"

    def told(self) -> dict[str, object]:
        """As JSON: for a monitor, hence without words, paths or anything a customer wrote."""
        shown = self.served.snapshot if self.served else None
        return {
            "status": self.status,
            "faults": list(self.faults),
            "run_id": shown.run_id if shown else None,
            "as_of": _zulu(shown.as_of) if shown else None,
            "published_at": _zulu(shown.published_at) if shown else None,
            "age_seconds": int(self.age.total_seconds()) if self.age is not None else None,
            "fresh_within_seconds": int(self.fresh_within.total_seconds()),
        }


def look(home: Path, fresh_within: timedelta, now: datetime) -> Health:
    """How things stand at `now` (UTC, without a zone)."""
    try:
        served = serving.serve(home)
    except WarehouseError as error:
        return Health(("unreadable",), None, fresh_within, cause=error.finding)
    ended = unpublished(home)
    run_fault, run_id = ((ended[0],), ended[1].run_id) if ended else ((), "")
    if served is None:
        return Health(("empty", *run_fault), None, fresh_within, last_run_id=run_id)
    age = now - served.snapshot.as_of
    faults: list[Fault] = []
    if served.instead_of is not None:
        faults.append("older_served")
    if served.is_held:
        faults.append("held")
    faults += run_fault
    if age > fresh_within:
        faults.append("overdue")
    return Health(tuple(faults), served, fresh_within, age, last_run_id=run_id)


def unpublished(home: Path) -> tuple[Fault, LastRun] | None:
    """The last run where it did not end well, and how; None where it did, goes on or never was."""
    places = Places(home)
    last = last_run.read(places)
    if last is None:
        return None
    if last.verdict is None:
        return None if last_run.is_going_on(places) else ("run_cut_off", last)
    ended: dict[str, Fault] = {"stopped": "run_stopped", "failed": "run_failed"}
    fault: Fault | None = "run_cut_off" if last.code == "cut_off" else ended.get(last.verdict)
    return (fault, last) if fault else None


def sentences(found: Health, settings: ReaderSettings, t: Translate, lang: str) -> str:
    """One line that says how things stand, what follows, and what to do."""
    zone, served = settings.business_timezone, found.served
    fields: dict[str, object] = {
        "home": settings.home,
        "run": found.last_run_id,
        "cause": sentence(t, lang, found.cause) if found.cause else "",
        "promise": formats.age(found.fresh_within, lang),
    }
    if served is not None and found.age is not None:
        fields |= {"as_of": local(served.snapshot.as_of, zone), "age": formats.age(found.age, lang)}
        fields["shown"] = served.snapshot.run_id
    if served is not None and served.instead_of is not None:
        fields |= {"damaged": served.instead_of.run_id, "fault": served.fault}
    said = [t(f"health.{fault}", **fields) for fault in found.faults or ("ok",)]
    return " ".join([t("health.not_ok") if found.faults else t("health.fine"), *said])


def _zulu(instant: datetime) -> str:
    return instant.replace(tzinfo=UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
