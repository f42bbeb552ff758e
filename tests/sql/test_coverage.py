"""The whole catalogue: every row is answered, by a value where its exports are there, by their names where not."""

from collections.abc import Mapping
from datetime import date
from importlib import import_module
from pathlib import Path

import pytest

from dashboard.metrics import query
from dashboard.metrics.access import Scope
from data_checks.contract import datasets
from ingestion.warehouse.kpis import Filter, Kpi, load_kpis
from ingestion.warehouse.views import Card, View, load_cards, load_views

CATALOGUE = range(1, 145)
CARD_ROWS = {101, 102, 125}
# Rows whose data the catalogue marks as an optional export; what a core export says less of may stand in for some.
OPTIONAL_ROWS = {
    *(8, 10, 11, 12, 14, 30, 31, 32, 35, 39, 40, 41, 42, 43, 46, 48, 54, 63, 66, 69, 70, 73, 79, 80, 83, 86, 91, 94),
    *(96, 98, 109, 110, 113, 123, 131, 133, 141, 143, 144),
}
EVER = Filter(date(2000, 1, 1), date(2030, 1, 1))


def computed() -> Mapping[str, Kpi | View]:
    return {**load_kpis(), **load_views()}


def entries_of(row: int) -> list[Kpi | View | Card]:
    known = (*load_kpis().values(), *load_views().values(), *load_cards().values())
    return [one for one in known if row in one.catalogue_rows]


def test_every_row_of_the_catalogue_is_answered() -> None:
    assert [row for row in CATALOGUE if not entries_of(row)] == []
    strange = {row for one in computed().values() for row in one.catalogue_rows} - set(CATALOGUE)
    assert strange == set()


def test_only_three_rows_are_cards() -> None:
    assert {row for card in load_cards().values() for row in card.catalogue_rows} == CARD_ROWS
    assert {row for row in CATALOGUE if all(isinstance(one, Card) for one in entries_of(row))} == CARD_ROWS


def test_ids_are_unique_over_kpis_views_and_cards() -> None:
    ids = [*load_kpis(), *load_views(), *load_cards()]
    assert len(ids) == len(set(ids))


def test_no_kpi_lacks_a_golden_value_worked_out_by_hand() -> None:
    golden: set[str] = set()
    for file in sorted(Path(__file__).parent.glob("test_golden_*.py")):
        golden |= set(import_module(f"tests.sql.{file.stem}").GOLDEN)
    assert set(load_kpis()) - golden == set()
    assert golden - set(load_kpis()) == set()


def is_answered(snapshot: query.Snapshot, one: Kpi | View) -> bool:
    if isinstance(one, View):
        return query.view(snapshot, Scope.everything(), one, EVER).height > 0
    if one.over_time == "sum":
        found = query.values(snapshot, Scope.everything(), one, EVER)
    else:
        # A backlog or a cohort is taken at one day: that of any month will do.
        found = query.values(snapshot, Scope.everything(), one, Filter(), period="month")
    return bool(found["value"].is_not_null().any())


@pytest.mark.slow
def test_the_core_exports_answer_every_row_that_is_not_optional(sample_snapshot: query.Snapshot) -> None:
    answered = {name for name, one in computed().items() if is_answered(sample_snapshot, one)}
    wanted = set(CATALOGUE) - OPTIONAL_ROWS - CARD_ROWS
    assert sorted(row for row in wanted if not answered & {one.id for one in entries_of(row)}) == []


@pytest.mark.slow
@pytest.mark.parametrize("one", computed().values(), ids=lambda one: one.id)
def test_all_exports_together_answer_everything(full_snapshot: query.Snapshot, one: Kpi | View) -> None:
    assert query.missing(full_snapshot, one) == ()
    assert is_answered(full_snapshot, one)


@pytest.mark.slow
@pytest.mark.parametrize("one", computed().values(), ids=lambda one: one.id)
def test_without_an_export_the_answer_names_it_and_never_says_0(
    sample_snapshot: query.Snapshot, one: Kpi | View
) -> None:
    missing = query.missing(sample_snapshot, one)
    optional = {name for name, dataset in datasets().items() if dataset.is_optional_export}
    assert set(one.datasets) & optional <= set(missing)
    if missing and isinstance(one, View):
        assert query.view(sample_snapshot, Scope.everything(), one, EVER).is_empty()
    elif missing:
        row = query.values(sample_snapshot, Scope.everything(), one, EVER).row(0, named=True)
        assert (row["state"], row["value"], row["numerator"]) == ("not_connected", None, None)
