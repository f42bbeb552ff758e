"""The Data Docs of a run: one page in HOME, written once the run has come to its end, whichever it was."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING

from data_checks.gist import gist
from ingestion.night import log

if TYPE_CHECKING:
    from ingestion.night import Night

RUNS_KEPT = 30


def write(tonight: Night) -> None:
    """Write the page of a run in which Great Expectations judged anything; older ones than the last thirty go.

    What the run came to stands by then: a page that cannot be written changes nothing of it.
    """
    judged = [(file, one) for file, result in tonight.judged for one in result.judged]
    if not judged:
        return
    checks = [*chain.from_iterable(result.checks for _, result in tonight.judged)]
    file = tonight.places.docs(tonight.run_id)
    try:
        from data_checks import docs

        file.parent.mkdir(exist_ok=True)
        draft = file.with_suffix(".tmp")
        draft.write_text(docs.page(tonight.run_id, checks, judged), encoding="utf-8")
        draft.replace(file)
        for old in tonight.places.docs_kept()[RUNS_KEPT:]:
            old.unlink(missing_ok=True)
    except Exception as error:  # noqa: BLE001 - published or stopped, the run is over
        log.warning("the data docs of %s cannot be written: %s", tonight.run_id, gist(error))
