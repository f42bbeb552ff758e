"""The card shows where a KPI would lie with the rows held back, and only where some are."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from dashboard import kept, session
from dashboard.metrics import bounds, query
from dashboard.metrics.access import Scope
from dashboard.readings import Target
from ingestion import pipeline
from ingestion.samples import write_samples
from ingestion.settings import Settings
from ingestion.warehouse import engines, snapshots
from ingestion.warehouse.kpi_bounds import Bound
from ingestion.warehouse.kpis import Filter, load_kpis
from tests.dashboard.opening import APP
from tests.gates import open_gate

if TYPE_CHECKING:
    from pathlib import Path

    from tests.dashboard.conftest import OpenPage
    from tests.dashboard.fakes import FakeQuery

HELD = {
    "sla_response_met": Bound(0.861, 0.905, 7),
    "first_response_time": Bound(7_200.0, None, 3),
    "csat": None,
}


def captions(page: AppTest, word: str) -> list[str]:
    return [caption.value for caption in page.caption if word in caption.value]


@pytest.fixture
def holding(fake_query: FakeQuery) -> FakeQuery:
    fake_query.held_back = {kpi_id: bound for kpi_id, bound in HELD.items() if bound}
    fake_query.held_datasets = frozenset({"tickets", "ticket_events"})
    return fake_query


def test_nothing_held_back_shows_nothing(open_page: OpenPage) -> None:
    assert captions(open_page("overview"), "隔离") == []


@pytest.mark.usefixtures("holding")
def test_the_interval_stands_on_the_cards_that_have_one(open_page: OpenPage) -> None:
    (met, time) = sorted(captions(open_page("overview"), "隔离"), key=lambda text: "不低于" in text)
    assert "另有 7 条数据被隔离，若计入则在 86.1–90.5% 之间" in met
    assert "另有 3 条数据被隔离，若计入则不低于 2 小时" in time


@pytest.mark.usefixtures("holding")
def test_it_says_so_where_the_target_is_in_doubt(open_page: OpenPage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session.View, "target", lambda _, kpi: Target(0.9) if kpi.id == "sla_response_met" else None)
    (met,) = captions(open_page("overview", lang="en"), "7 more held back")
    assert "86.1–90.5% with them, so the target may be met or missed" in met
    assert len(captions(open_page("overview", lang="en"), "met or missed")) == 1


@pytest.mark.usefixtures("holding")
def test_a_kpi_that_nothing_bounds_says_that(open_page: OpenPage) -> None:
    assert captions(open_page("response"), "影响无法估计") != []
    assert captions(open_page("loyalty"), "隔离") == []


@pytest.mark.slow
def test_a_night_with_a_few_broken_rows_warns_and_its_cards_show_the_bounds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    exports, settings = tmp_path / "exports", Settings(home=tmp_path / "home", settle_seconds=0)
    write_samples(exports, tickets=300, until=date(2025, 5, 31), optional=False)
    orders = exports / "sample" / "orders-2025-05-31.csv"
    lines = orders.read_text(encoding="utf-8").splitlines()
    cells = lines[-1].split(",")
    cells[4] = "not an amount"
    orders.write_text("\n".join([*lines[:-1], ",".join(cells)]) + "\n", encoding="utf-8")
    with open_gate():
        outcome = pipeline.run(exports, settings)
    assert outcome.verdict == "published", outcome.findings
    published = snapshots.published(settings.home)
    assert published is not None
    with engines.open_reader(published.file) as con:
        told = {row[0]: row[1:] for row in con.execute("from meta.kpi_bounds").fetchall()}
    volume = told["order_volume"]
    assert (volume[3], volume[4], volume[5]) == (volume[2], volume[2] + 1, 1)
    assert "ticket_volume" not in told

    monkeypatch.setenv("AFTERCARE_HOME", str(settings.home))
    st.cache_data.clear()
    kept.frames.clear()
    page = AppTest.from_file(str(APP), default_timeout=60).run()
    assert not page.exception
    shown = captions(page, "另有 1 条数据被隔离")
    # Over the default dates the card says what the night wrote down.
    assert any(f"在 {int(volume[3]):,} – {int(volume[4]):,} 之间" in text for text in shown)
    assert len(shown) == len(told)

    snapshot = query.open_snapshot(settings.home)
    assert snapshot is not None
    monkeypatch.setattr(bounds, "_written", lambda *_: None)
    for kpi_id, (first, last, value, lower, upper, held, *_) in told.items():
        kpi = load_kpis()[kpi_id]
        dates = Filter(first, last)
        row = query.values(snapshot, Scope.everything(), kpi, dates).row(0, named=True)
        sums = int(row["numerator"] or 0), int(row["denominator"] or 0)
        assert row["value"] == pytest.approx(value)
        assert bounds.bound(snapshot, Scope.everything(), kpi, dates, sums) == Bound(lower, upper, held)
