"""What a page costs: `python -m tests.benchmarks.page HOME [--pages response,...] [--repeat N] [--json FILE]`.

The script of a page is run as Streamlit runs it: at first (nothing read yet), after a change of the filter, and again
with nothing changed. Beside it, in turn, the same steps twice more:
- from constants: every query is answered from what it was answered the first time, so that what remains is Streamlit,
  Altair and our own drawing;
- on the facts: the same questions without any cells, as plain SQL on the fact tables.

Seconds of queries are those of DuckDB alone, by the clock from the first to the last of each overlapping group.
"""

from __future__ import annotations

import argparse
import os
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from threading import Lock
from time import perf_counter
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import streamlit as st
from streamlit.testing.v1 import AppTest

from dashboard import app as dashboard_app
from dashboard import kept
from dashboard.i18n import translator
from dashboard.metrics import query
from dashboard.metrics.access import Scope
from tests.benchmarks.measuring import seconds, show

if TYPE_CHECKING:
    from collections.abc import Iterator

    import polars as pl

    from ingestion.warehouse.kpis import Query

APP = Path(dashboard_app.__file__)
PAGES = tuple(name for pages in dashboard_app.SECTIONS.values() for name in pages)
STEPS = ("first", "filtered", "repeated")
ROUTES = ("cells", "constants", "facts")
SLICE = "channel"
"""The slice that the change of the filter picks the most frequent value of."""


class Reads:
    """Every query of a snapshot, timed; answered from memory where it was answered before and `is_constant`."""

    def __init__(self) -> None:
        self.known: dict[tuple[str, tuple[object, ...]], pl.DataFrame] = {}
        self.is_constant = False
        self.spans: list[tuple[float, float]] = []
        self.unknown = 0
        self._lock = Lock()
        self._run = query.Snapshot.run

    def __call__(self, snapshot: query.Snapshot, asked: Query) -> pl.DataFrame:
        key = (asked.sql, tuple(map(repr, asked.binds)))
        if self.is_constant:
            if key in self.known:
                return self.known[key]
            self.unknown += 1
        begun = perf_counter()
        found = self._run(snapshot, asked)
        with self._lock:
            self.spans.append((begun, perf_counter()))
            self.known[key] = found
        return found

    def taken(self) -> tuple[float, int]:
        """Seconds in which at least one query ran, and how many did, since this was last asked."""
        spans, self.spans = sorted(self.spans), []
        total, reached = 0.0, 0.0
        for begun, ended in spans:
            total += max(0.0, ended - max(begun, reached))
            reached = max(reached, ended)
        return total, len(spans)


@contextmanager
def reading(reads: Reads, route: str) -> Iterator[None]:
    """Take this route: without cells every question goes to the facts."""
    reads.is_constant = route == "constants"
    with patch.object(query.Snapshot, "run", lambda snapshot, asked: reads(snapshot, asked)):
        if route != "facts":
            yield
            return
        with patch.object(query.Snapshot, "cells", ()), patch.object(query.Snapshot, "first_dates", {}):
            yield


def forget() -> None:
    """Nothing read so far is known any more."""
    st.cache_data.clear()
    kept.frames.clear()


def opened(page: str) -> AppTest:
    """The page, with everything that does not depend upon it (imports, the filter bar's values) behind us."""
    app = AppTest.from_file(str(APP), default_timeout=900)
    app.query_params["lang"] = "en"
    # The frame alone draws the overview first: a page is measured from a switch to it.
    app.switch_page(f"app_pages/{page}.py")
    return app


def most_frequent() -> str:
    """The value that the filter is changed to."""
    snapshot = query.open_snapshot(Path(os.environ["AFTERCARE_HOME"]))
    assert snapshot is not None
    values = query.dimension_values(snapshot, Scope.everything(), SLICE)
    return next(value for value in values if value != "unknown")


def steps(page: str, reads: Reads) -> dict[str, tuple[float, float, int]]:
    """Seconds of the script, seconds of its queries and their number, for each step."""
    forget()
    app = opened(page)
    found: dict[str, tuple[float, float, int]] = {}
    title, value = translator("en")(f"pages.{page}.title"), most_frequent()

    def step(name: str) -> None:
        reads.taken()
        whole = seconds(app.run)
        assert not app.exception, [one.message for one in app.exception]
        assert app.title[0].value == title, f"{app.title[0].value} was drawn instead of {title}"
        found[name] = (whole, *reads.taken())

    step("first")
    key = f"{SLICE}_en"
    if any(one.key == key for one in app.multiselect):
        app.multiselect(key=key).select(value)
        step("filtered")
        assert app.query_params[SLICE] == [value] or app.query_params[SLICE] == value
    step("repeated")
    return found


def measure(page: str, repeat: int) -> list[dict[str, object]]:
    reads = Reads()
    taken: dict[tuple[str, str], list[tuple[float, float, int]]] = {}
    for turn in range(repeat + 1):
        for route in ROUTES:
            with reading(reads, route):
                found = steps(page, reads)
            # The first turn imports, opens files, and learns the constants.
            if turn:
                for name, one in found.items():
                    taken.setdefault((name, route), []).append(one)
    return [_line(page, name, taken) for name in STEPS if (name, "cells") in taken]


def _line(page: str, step: str, taken: dict[tuple[str, str], list[tuple[float, float, int]]]) -> dict[str, object]:
    def middle(route: str, place: int) -> float:
        return median(one[place] for one in taken[step, route])

    whole, asked, constants = middle("cells", 0), middle("cells", 1), middle("constants", 0)
    facts = middle("facts", 1)
    return {
        "page": page,
        "step": step,
        "queries": int(middle("cells", 2)),
        "seconds": round(whole, 3),
        "query_seconds": round(asked, 4),
        "constants_seconds": round(constants, 3),
        "fact_query_seconds": round(facts, 4),
        "whole_over_constants": round(whole / constants, 2),
        "queries_over_facts": round(asked / facts, 3) if facts else None,
    }


def over(home: Path, pages: tuple[str, ...], repeat: int) -> list[dict[str, object]]:
    """All pages of a home."""
    with patch.dict(os.environ, {"AFTERCARE_HOME": str(home)}):
        snapshot = query.open_snapshot(home)
        assert snapshot is not None, "nothing is published there"
        tickets = _tickets(snapshot)
        return [{"tickets": tickets, **line} for page in pages for line in measure(page, repeat)]


def _tickets(snapshot: Any) -> int:
    return int(snapshot.run(query.Query("select count(*) from core.fct_tickets", ())).item())


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("home", type=Path, nargs="+")
    options.add_argument("--pages", default=",".join(PAGES))
    options.add_argument("--repeat", type=int, default=3)
    options.add_argument("--json", type=Path)
    told = options.parse_args()
    pages = tuple(told.pages.split(","))
    show([line for home in told.home for line in over(home.resolve(), pages, told.repeat)], told.json)


if __name__ == "__main__":
    main()
