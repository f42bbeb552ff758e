"""From file to KPI: what the drawing says is what the SQL reads."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dashboard import lineage
from dashboard.metrics import passport
from ingestion.warehouse import gathered, models

if TYPE_CHECKING:
    from tests.dashboard.conftest import OpenPage

READS = {
    "staging.stg_a": ["raw.a"],
    "staging.stg_b": ["raw.b"],
    "core.fct_a": ["staging.stg_a", "raw.run", "raw.targets"],
    "core.fct_ab": ["core.fct_a", "staging.stg_b", "core.dim_datasets"],
    "core.fct_b": ["staging.stg_b"],
    "core.dim_datasets": ["raw.other"],
    "raw.targets": [],
}


def _reads() -> dict[str, list[str]]:
    every = {model.name: model for model in models.load_models()}
    return {name: gathered.stands_on(model, every) for name, model in every.items()}


def test_everything_behind_tables_is_found_however_far_back_but_not_through_the_registry() -> None:
    assert {*passport.behind(READS, ["core.fct_b"])} == {"core.fct_b", "staging.stg_b", "raw.b"}
    assert {*passport.behind(READS, ["core.fct_ab"])} == {
        *("core.fct_ab", "core.fct_a", "staging.stg_a", "staging.stg_b", "core.dim_datasets"),
        *("raw.a", "raw.b", "raw.run", "raw.targets"),
    }


def test_tables_come_after_those_they_read_and_kept_tables_are_no_step() -> None:
    ordered = lineage.between(READS, "core.fct_ab")
    assert ordered == ["staging.stg_a", "staging.stg_b", "core.fct_a"]


def test_a_view_of_gathered_tickets_leads_to_where_its_rows_are_found_out() -> None:
    sources = {*passport.behind(_reads(), ["core.fct_tickets"])}
    assert {"raw.tickets", "raw.ticket_events", "raw.visits", "raw.customers"} <= sources
    assert not {"raw.surveys", "raw.training", "raw.iot_alerts", "raw.pilots"} & sources


def test_no_table_of_ours_is_behind_itself() -> None:
    reads = _reads()
    ordered = lineage.between(reads, "marts.mart_surveys_daily")
    assert len(ordered) > 5
    for place, table in enumerate(ordered):
        known = {name for name in reads[table] if reads.get(name) and name != passport.REGISTRY}
        assert known <= {*ordered[:place]}, table


def test_the_page_draws_the_exports_that_came_and_nothing_else(open_page: OpenPage) -> None:
    page = open_page("data_quality")
    (drawing,) = page.get("graphviz_chart")
    spec = drawing.proto.spec
    assert "2 个文件" in spec
    assert '"tickets" ->' in spec
    assert '-> "kpi"' in spec
    # Orders brought no row, and the run itself is no export.
    assert '"orders"' not in spec
    assert '"run"' not in spec
