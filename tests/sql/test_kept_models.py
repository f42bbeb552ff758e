"""Models that are built but not published: nothing a reader does may need one."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from dashboard.metrics.query import Snapshot
from ingestion import topics
from ingestion.warehouse import contents, kpis, models, views
from ingestion.warehouse.errors import ModelInvalid

ROOT = Path(__file__).parent.parent.parent
KEPT = {model.name for model in models.load_models() if not model.is_published and model.schema != "staging"}
PUBLISHED = {model.name for model in models.load_models() if model.is_published}
VIEWS = {model.name for model in models.load_models() if model.is_view}
# What is known of a snapshot, and what a run asks of the finished build: all but the models themselves. The gate
# looks at kept models too.
READERS = ("dashboard/**/*.py", "ingestion/**/*.py", "sql/kpis/*.toml", "sql/views/*.toml", "sql/cards.toml")


def texts() -> Iterator[tuple[str, str]]:
    for pattern in READERS:
        for file in sorted(ROOT.glob(pattern)):
            yield file.relative_to(ROOT).as_posix(), file.read_text(encoding="utf-8")


def test_no_page_command_entry_or_view_names_a_model_that_is_not_published() -> None:
    named = {(file, table) for file, text in texts() for table in re.findall(r"\b(?:core|marts)\.\w+", text)}
    assert {(file, table) for file, table in named if table in KEPT} == set()
    assert any(table in PUBLISHED for _, table in named), "none is named at all: the pattern is wrong"


def test_every_entry_and_view_counts_over_a_published_model() -> None:
    for one in (*kpis.load_kpis().values(), *views.load_views().values()):
        assert one.rows in PUBLISHED, one.id
    for kpi in kpis.load_kpis().values():
        assert kpi.mart is None or kpi.mart.model in PUBLISHED, kpi.id


def test_people_come_from_staging_alone() -> None:
    assert {model for model, *_ in contents.PEOPLE.values()} & KEPT == set()


@pytest.mark.slow
def test_a_snapshot_holds_the_published_models_and_nothing_that_leads_out_of_it(
    full_snapshot: Snapshot,
) -> None:
    held = {table for table in full_snapshot.columns if table.startswith(("core.", "marts.", "staging.", "raw."))}
    assert held == {*PUBLISHED, topics.TABLE}
    # Any other view could still read what is gone by now.
    found = full_snapshot.run(
        kpis.Query("select schema_name || '.' || view_name as name from duckdb_views() where not internal", ())
    )
    assert set(found["name"]) == VIEWS


def test_views_read_published_models_alone() -> None:
    assert VIEWS
    for model in models.load_models():
        assert not model.is_view or set(model.references) <= PUBLISHED, model.name


def test_a_view_of_what_is_not_published_is_refused(tmp_path: Path) -> None:
    (tmp_path / "core").mkdir()
    (tmp_path / "core" / "fct_inner.sql").write_text("-- grain: x\n-- keep: build\nselect 1 as x")
    (tmp_path / "core" / "fct_outer.sql").write_text("-- grain: x\n-- keep: view\nselect x from core.fct_inner")
    with pytest.raises(ModelInvalid, match="fct_inner"):
        models.load_models(tmp_path)
