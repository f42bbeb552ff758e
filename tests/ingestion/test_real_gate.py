"""Whole nights over small samples, judged by the gate itself (Great Expectations), not by a stand-in."""

from __future__ import annotations

import shutil
from datetime import date, datetime
from typing import TYPE_CHECKING

import pytest

from ingestion import pipeline
from ingestion.mapping import SHIPPED
from ingestion.samples import write_samples
from ingestion.settings import Settings
from ingestion.warehouse import engines, models, snapshots
from ingestion.warehouse.places import Places

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow


@pytest.fixture
def small(tmp_path: Path) -> Settings:
    """A home beside a few sample exports."""
    write_samples(tmp_path / "exports", tickets=300, until=date(2025, 6, 30), optional=False)
    return Settings(home=tmp_path / "home", settle_seconds=0)


def night(settings: Settings) -> pipeline.Outcome:
    return pipeline.run(settings.home.parent / "exports", settings)


def stopped_by(outcome: pipeline.Outcome) -> set[tuple[str, str]]:
    """(check, suite) of what stopped the night."""
    return {
        (str(finding.fields.get("check")), str(finding.fields.get("suite")))
        for severity, finding in outcome.findings
        if severity == "stop"
    }


def plant(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *faults: tuple[str, str, str]) -> None:
    """Build from a copy of sql/ in which some models are wrong: (model, what stands there, what stands instead)."""
    sql = tmp_path / "sql"
    shutil.copytree(models.SQL_DIR, sql)
    for model, old, new in faults:
        file = sql / f"{model.replace('.', '/')}.sql"
        text = file.read_text(encoding="utf-8")
        assert old in text
        file.write_text(text.replace(old, new), encoding="utf-8")
    monkeypatch.setattr(models, "SQL_DIR", sql)


def test_a_sound_night_passes_the_gate(small: Settings) -> None:
    outcome = night(small)
    assert (outcome.verdict, stopped_by(outcome)) == ("published", set())
    assert outcome.checks.passed > 200
    (docs,) = Places(small.home).docs_kept()
    told = docs.read_text(encoding="utf-8")
    assert docs.stem == outcome.run_id
    assert f"{outcome.checks.passed} passed, {outcome.checks.warned} failed" in told
    assert "exports.tickets · tickets-2025-06-30.csv" in told
    assert "marts.mart_tickets_daily" in told


def test_a_mart_that_counts_wrongly_is_not_published(
    small: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plant(tmp_path, monkeypatch, ("marts.mart_tickets_daily", "as ticket_count", "+ 1 as ticket_count"))
    outcome = night(small)
    assert outcome.verdict == "stopped"
    assert stopped_by(outcome) == {("does_not_reconcile", "marts.mart_tickets_daily")}
    assert "<td>marts.mart_tickets_daily</td>" in Places(small.home).docs(outcome.run_id).read_text(encoding="utf-8")
    assert snapshots.published(small.home) is None


# By the fact whose rows are then too few: of a core export, and of an optional one.
LOSSES = {
    "core.fct_ticket_histories": ("core.fct_ticket_histories", "_events\n", "_events where event_seq <> 3\n"),
    "core.fct_visits": (
        "staging.stg_visits",
        "from newest\n",
        "from (from newest where visit_no < 2) as newest\n",
    ),
    "core.dim_datasets": (
        "staging.stg_training",
        "from newest\n",
        "from (from newest where kind <> 'drill') as newest\n",
    ),
}


def test_rows_that_get_lost_on_the_way_to_the_facts_stop_the_night(
    small: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_samples(tmp_path / "exports", tickets=300, until=date(2025, 6, 30))
    plant(tmp_path, monkeypatch, *LOSSES.values())
    outcome = night(small)
    assert outcome.verdict == "stopped"
    assert {fact for check, fact in stopped_by(outcome) if check == "rows_lost"} == set(LOSSES)


HELPDESK = "ticket_id,customer_id,created_at,resolved_at,status,csat_score\n"


def helpdesk(settings: Settings, name: str, days: range) -> None:
    """A file of one solved and scored ticket a day of June, in our plain format."""
    folder = settings.home.parent / "exports" / "helpdesk"
    folder.mkdir(parents=True, exist_ok=True)
    rows = "".join(
        f"T{day:03d},C001,2025-06-{day:02d} 09:00:00,2025-06-{day:02d} 12:00:00,solved,4\n" for day in days
    )
    (folder / f"tickets-{name}.csv").write_text(HELPDESK + rows, encoding="utf-8")


def test_what_a_complete_export_no_longer_names_is_gone_but_not_from_the_past(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path / "home", settle_seconds=0)
    mappings = settings.home / "mappings" / "helpdesk"
    shutil.copytree(SHIPPED / "helpdesk", mappings)
    source = mappings / "source.toml"
    text = source.read_text(encoding="utf-8")
    source.write_text(text.replace("[feeds.tickets.", '[feeds.tickets]\nmode = "full"\n[feeds.tickets.'), "utf-8")

    def tickets() -> int:
        published = snapshots.published(settings.home)
        assert published is not None
        with engines.open_reader(published.file) as con:
            return len(con.execute("select ticket_key from core.fct_tickets").fetchall())

    helpdesk(settings, "a", range(1, 11))
    night(settings)
    assert tickets() == 10
    helpdesk(settings, "b", range(3, 8))
    helpdesk(settings, "c", range(8, 13))
    night(settings)
    assert tickets() == 10  # 3 to 12, in two files of one night
    assert (
        pipeline.run(settings.home.parent / "exports", settings, as_of=datetime(2025, 6, 6, 5)).verdict == "published"
    )
    assert tickets() == 6
