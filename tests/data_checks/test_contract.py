"""The contract reads as sql/datasets.csv says, and its keys and references fit it."""

import pytest

from data_checks.contract import KEYS, ORPHAN_CODES, REFERENCES, datasets


def test_columns_carry_what_the_file_says() -> None:
    tickets = datasets()["tickets"]
    assert tickets.column("created_at").required
    assert tickets.column("created_at").duckdb_type == "TIMESTAMP"
    assert tickets.column("subject").is_personal
    assert tickets.column("channel").is_dimension
    assert tickets.version_columns == ("updated_at",)
    assert tickets.column("kind").values == ("consult", "repair", "complaint", "return", "other")
    assert not tickets.is_optional_export
    assert datasets()["calls"].is_optional_export


def test_an_enumeration_may_live_in_a_policy_table() -> None:
    assert datasets()["customers"].column("tier").values == ("standard", "silver", "gold", "vip")


def test_every_dataset_has_a_key_of_required_columns() -> None:
    assert set(KEYS) == set(datasets())
    for name, key in KEYS.items():
        assert set(key) <= {column.name for column in datasets()[name].required_columns}, name


@pytest.mark.parametrize(("place", "target"), REFERENCES.items())
def test_a_reference_joins_ids_that_exist(place: tuple[str, str], target: str) -> None:
    dataset, column = place
    assert datasets()[dataset].column(column).type == "id"
    assert datasets()[target].key == (datasets()[target].columns[0].name,)
    assert target in ORPHAN_CODES


def test_an_unknown_column_is_named_with_its_dataset() -> None:
    with pytest.raises(KeyError, match=r"tickets\.nosuch"):
        datasets()["tickets"].column("nosuch")
