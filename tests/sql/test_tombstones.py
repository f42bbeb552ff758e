"""What a source says is gone leaves the facts, whatever it was, and comes back if a newer version speaks of it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from data_checks.contract import ENTITIES, datasets
from ingestion.warehouse import models

Rows = list[tuple[object, ...]]
RunModel = Callable[..., Rows]

LOADS = """
    load_id | load_seq | source | feed | data_through     | is_full
    L1      | 1        | sample | f    | 2025-06-01 00:00 | false
    L2      | 2        | sample | f    | 2025-06-02 00:00 | false
    L3      | 3        | sample | f    | 2025-06-03 00:00 | false
"""
VALUES = {"instant": "2025-05-01 00:00", "date": "2025-05-01", "int": "1", "decimal": "1", "bool": "false"}


def versions(dataset: str, *gone: bool) -> str:
    """A version of one key a load; one that is gone carries its key alone."""
    contract = datasets()[dataset]
    key = ENTITIES[dataset]
    live = dict.fromkeys(key, "") | {column.name: "" for column in contract.required_columns}
    cells = {
        name: column.values[0] if column.values else VALUES.get(column.type, "X1")
        for name in live
        for column in [contract.column(name)]
    }
    lines = [" | ".join(["load_id", "load_seq", "version_key", "is_gone", *cells])]
    for number, is_gone in enumerate(gone, start=1):
        shown = [text if name in key or not is_gone else "" for name, text in cells.items()]
        lines.append(" | ".join([f"L{number}", str(number), f"0{number}", str(is_gone).lower(), *shown]))
    return "\n".join(lines)


STAGED = [name for name in datasets() if (models.SQL_DIR / "staging" / f"stg_{name}.sql").is_file()]


@pytest.mark.parametrize("dataset", STAGED)
@pytest.mark.parametrize(("gone", "left"), [((False, True), 0), ((True, False), 1), ((True,), 0)])
def test_a_key_is_left_out_while_its_newest_version_is_gone(
    run_model: RunModel, dataset: str, gone: tuple[bool, ...], left: int
) -> None:
    found = run_model(f"staging.stg_{dataset}", {f"raw.{dataset}": versions(dataset, *gone), "raw.loads": LOADS})
    assert len(found) == left


def test_a_deletion_after_as_of_has_not_happened_yet(run_model: RunModel) -> None:
    tickets = """
        ticket_id | version_key | updated_at       | is_gone | customer_id | channel | status | created_at
        1         | 01          | 2025-06-01 00:00 | false   | C1          | phone   | open   | 2025-05-01 00:00
        1         | 02          | 2025-07-02 00:00 | true    |             |         |        |
        2         | 01          | 2025-06-01 00:00 | false   | C1          | phone   | open   | 2025-05-01 00:00
        2         | 02          | 2025-06-30 00:00 | true    |             |         |        |
    """
    assert run_model("staging.stg_tickets", {"raw.tickets": tickets}, select="ticket_id") == [("1",)]


def test_rows_from_before_there_were_tombstones_stay(run_model: RunModel) -> None:
    products = "product_id | product_name | is_gone\nP1 | Kettle |\n"
    assert run_model("staging.stg_products", {"raw.products": products}, select="product_id") == [("P1",)]
