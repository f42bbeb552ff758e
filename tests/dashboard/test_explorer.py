"""Exploring: whatever is asked is answered, the others are exact, and a random view is never an error."""

import os
from pathlib import Path
from random import Random

import polars as pl
import pytest
import streamlit as st

from dashboard import explorer, kept, periods, session
from dashboard.charts_explore import OTHERS
from dashboard.explorer import Asked
from dashboard.i18n import translator
from dashboard.metrics import query
from dashboard.metrics.access import Scope
from dashboard.metrics.query import Filter, Snapshot
from ingestion.warehouse.kpis import Kpi, load_kpis
from tests.dashboard.opening import open_app

pytestmark = pytest.mark.slow

KPIS = load_kpis()
TOP = 3
COMBOS = int(os.environ.get("AFTERCARE_TEST_COMBOS", "6"))
"""Random views; 30 before a release."""


def look(snapshot: Snapshot) -> session.View:
    choice = session.Choice(periods.resolve("last_12_months", snapshot.last_date))
    return session.View("zh", translator("zh"), snapshot, Scope.everything(), choice)


@pytest.mark.parametrize("kpi", KPIS.values(), ids=lambda kpi: kpi.id)
def test_every_kpi_is_answered_by_its_dimensions_and_steps(full_snapshot: Snapshot, kpi: Kpi) -> None:
    view = look(full_snapshot)
    # A third of its dimensions, other ones for every KPI, and yes and no always: they are no text.
    some = kpi.dimensions[len(kpi.id) % 3 :: 3]
    for by in {*some, *(("is_vip",) if "is_vip" in kpi.dimensions else ())}:
        found = explorer.groups(view, Asked(kpi, (by,), "total", "chart", TOP))
        assert explorer.table(view, Asked(kpi, (by,), "total", "table", TOP), found).height == found.height + 1
    for step in explorer.steps_of(kpi):
        assert not explorer.groups(view, Asked(kpi, (), step, "chart", TOP)).is_empty()


@pytest.mark.parametrize("kpi_id", ["sla_response_met", "ticket_volume", "csat", "complaint_closure_rate"])
def test_the_largest_and_the_others_add_up_to_the_whole(full_snapshot: Snapshot, kpi_id: str) -> None:
    found = explorer.groups(look(full_snapshot), Asked(KPIS[kpi_id], ("region",), "total", "table", TOP))
    assert found["region"].to_list().count(OTHERS) == 1
    assert found.height == TOP + 1
    whole = query.values(full_snapshot, Scope.everything(), KPIS[kpi_id], Filter()).row(0, named=True)
    assert found["n"].sum() == whole["n"]
    assert found["numerator"].sum() == whole["numerator"]


def test_a_median_of_the_others_is_that_of_their_tickets(full_snapshot: Snapshot) -> None:
    """Not a mean of medians: asked of the facts, with the regions written out."""
    kpi = KPIS["first_response_time"]
    found = explorer.groups(look(full_snapshot), Asked(kpi, ("region",), "total", "table", TOP))
    largest = found.filter(pl.col("region") != OTHERS)["region"].to_list()
    every = full_snapshot.run(query.Query("select distinct region from core.fct_tickets", ()))["region"].to_list()
    rest = tuple(name for name in every if name not in largest)
    asked = query.values(full_snapshot.straight(), Scope.everything(), kpi, Filter(where={"region": rest}))
    assert found.filter(region=OTHERS)["value"].item() == pytest.approx(asked["value"].item(), rel=0.01)
    assert found.filter(region=OTHERS)["n"].item() == asked["n"].item()


def test_the_tier_of_today_is_one_of_the_sides(full_snapshot: Snapshot) -> None:
    """Asked like any other, its whole is that of all tiers then, and the steps of a change add up."""
    view = look(full_snapshot)
    kpi = KPIS["sla_response_met"]
    now, then = (explorer.groups(view, Asked(kpi, (by,), "total", "table", 20)) for by in ("tier_now", "tier"))
    assert dict(now.select("tier_now", "n").rows()) != dict(then.select("tier", "n").rows())
    assert now["n"].sum() == then["n"].sum() > 0
    compared = view.compared(kpi)
    assert compared is not None
    rows = view.explained(kpi, ("tier_now",), compared)
    total = rows.filter(pl.col("level") == "total")["total"].item()
    assert rows.filter(pl.col("level") != "total")["total"].sum() == pytest.approx(total)


@pytest.mark.parametrize("number", range(COMBOS))
def test_a_random_view_is_no_error(home: Path, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    monkeypatch.setenv("AFTERCARE_HOME", str(home))
    st.cache_data.clear()
    kept.frames.clear()
    random = Random(number)
    kpi = random.choice(list(KPIS.values()))
    by = random.sample(list(kpi.dimensions), min(len(kpi.dimensions), random.randint(0, 2)))
    link = {
        "lang": random.choice(["zh", "en"]),
        "period": random.choice(periods.PRESETS),
        "compare": random.choice(periods.COMPARISON_CHOICES),
        "kpi": kpi.id,
        **dict(zip(("by", "and"), by or [explorer.NONE], strict=False)),
        "step": random.choice(explorer.steps_of(kpi)),
        "form": random.choice(explorer.FORMS),
        "channel": random.sample(["chat", "phone", "email"], random.randint(0, 2)),
    }
    page = open_app("explore", **{name: value for name, value in link.items() if value})
    assert not page.exception, link
    failed = translator(str(link["lang"]))("parts.failed", kind="X").partition("X")[0]
    assert not [error.value for error in page.error if error.value.startswith(failed)], link
