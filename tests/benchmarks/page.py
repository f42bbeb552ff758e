"""What a page costs: `python -m tests.benchmarks.page HOME [--pages response,...] [--repeat N] [--json FILE]`.

The script of a page is run as Streamlit runs it: at first (nothing read yet), after a change of the filter, and again
with nothing changed. Beside it, in turn, the same steps twice more:
- from constants: every question is answered with what it was answered the first time, so that what remains is
  Streamlit, Altair and our own drawing;
- on the facts: the same questions, each as one plain statement on its fact table, as many side by side.

Seconds of queries go from question to finished answer (planning, DuckDB, intervals, states), by the clock from
the first to the last of each overlapping group; on the facts DuckDB does all of it.
"""

from __future__ import annotations

import argparse
import os
from contextlib import ExitStack, contextmanager
from functools import partial
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
from dashboard.metrics import bounds, change, query
from dashboard.metrics.access import Scope
from dashboard.metrics.asked import side_by_side
from ingestion.warehouse import kpi_sql
from ingestion.warehouse.kpis import Query
from tests.benchmarks.measuring import seconds, show

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from types import ModuleType

    import polars as pl


Key = tuple[str, str, str]


class QuestionUnknown(LookupError):
    """A page drawn from constants asks what it was not asked before: its seconds would be those of a query."""


APP = Path(dashboard_app.__file__)
PAGES = tuple(name for pages in dashboard_app.SECTIONS.values() for name in pages)
STEPS = ("first", "filtered", "repeated")
ROUTES = ("cells", "constants", "facts")
ASKED: dict[ModuleType, tuple[str, ...]] = {
    query: (
        "values_together",
        "sums",
        "curve",
        "rows",
        "view",
        "view_rows",
        "meta",
        "dimension_values",
        "first_date",
    ),
    bounds: ("concerned", "bound"),
    change: ("explain",),
}
"""What pages ask of a snapshot, by the functions of dashboard.metrics."""
SLICE = "channel"
"""The slice that the change of the filter picks the most frequent value of."""


class Reads:
    """Every question that a page asks of a snapshot, timed from asking to the finished answer.

    Where `is_constant`, it is answered from memory with what it was answered before, and nothing else is.
    """

    def __init__(self) -> None:
        self.known: dict[Key, Any] = {}
        self.is_constant = False
        self.spans: list[tuple[float, float]] = []
        self.queries = 0
        self._lock = Lock()
        self._run = query.Snapshot.run

    def run(self, snapshot: query.Snapshot, asked: Query) -> pl.DataFrame:
        """A query of DuckDB, which is part of a question."""
        if self.is_constant:
            raise QuestionUnknown(asked.sql)
        with self._lock:
            self.queries += 1
        return self._run(snapshot, asked)

    def question(self, name: str, ask: Callable[..., Any]) -> Callable[..., Any]:
        """The function of dashboard.metrics.query, watched."""

        def watched(snapshot: query.Snapshot, *told: Any, **more: Any) -> Any:
            key: Key = (name, _told(told), _told(more.items()))
            return self._answer([key], lambda _: [ask(snapshot, *told, **more)])[0]

        def together(snapshot: query.Snapshot, scope: Scope, asks: Sequence[query.Ask]) -> list[Any]:
            keys: list[Key] = [(name, repr(scope), _told((one.kpi, one.wanted, one.by, one.period))) for one in asks]
            return self._answer(keys, lambda places: ask(snapshot, scope, [asks[place] for place in places]))

        return together if name == "values_together" else watched

    def _answer(self, keys: Sequence[Key], ask: Callable[[list[int]], list[Any]]) -> list[Any]:
        if self.is_constant:
            unknown = [key for key in keys if key not in self.known]
            if unknown:
                raise QuestionUnknown(*unknown)
            return [self.known[key] for key in keys]
        begun = perf_counter()
        found = ask(list(range(len(keys))))
        with self._lock:
            self.spans.append((begun, perf_counter()))
            self.known.update(zip(keys, found, strict=True))
        return found

    def taken(self) -> tuple[float, int]:
        """Seconds in which at least one question was being answered, and queries run, since this was last asked."""
        spans, self.spans = sorted(self.spans), []
        total, reached = 0.0, 0.0
        for begun, ended in spans:
            total += max(0.0, ended - max(begun, reached))
            reached = max(reached, ended)
        count, self.queries = self.queries, 0
        return total, count


def _told(arguments: Iterable[Any]) -> str:
    """What a question was asked with, of a definition its name alone: whole ones would slow the constants down."""
    return repr([getattr(one, "id", one) for one in arguments])


@contextmanager
def reading(reads: Reads, route: str) -> Iterator[None]:
    """Take this route: without cells every question goes to the facts."""
    reads.is_constant = route == "constants"
    with ExitStack() as patches:
        patches.enter_context(patch.object(query.Snapshot, "run", lambda snapshot, asked: reads.run(snapshot, asked)))
        for module, names in ASKED.items():
            for name in names:
                patches.enter_context(patch.object(module, name, reads.question(name, getattr(module, name))))
        if route == "facts":
            patches.enter_context(patch.object(query.Snapshot, "cells", ()))
            patches.enter_context(patch.object(query.Snapshot, "first_dates", {}))
            patches.enter_context(patch.object(query, "values_together", reads.question("values_together", plainly)))
        yield


def plainly(snapshot: query.Snapshot, scope: Scope, asks: Sequence[query.Ask]) -> list[pl.DataFrame]:
    """Each question as one plain statement on its fact, as any tool beside the database would ask it."""

    def one(ask: query.Ask) -> pl.DataFrame:
        wanted = query.complete_filter(snapshot, ask.wanted)
        asked = kpi_sql.Question(wanted, ask.by, ask.period, snapshot.last_date, scope.regions)
        return snapshot.run(kpi_sql.value_query(ask.kpi, asked))

    return side_by_side([partial(one, ask) for ask in asks])


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
    return int(snapshot.run(Query("select count(*) from core.fct_tickets", ())).item())


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
