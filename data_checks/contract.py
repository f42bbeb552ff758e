"""The data contract: which datasets exist, their columns, their keys, and who must exist for whom.

Everything here is read from sql/datasets.csv and the enumerations it names; nothing is guessed from data.
"""

import csv
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from types import MappingProxyType

SQL = Path(__file__).parent.parent / "sql"

DUCKDB_TYPES: Mapping[str, str] = MappingProxyType(
    {
        "id": "VARCHAR",
        "text": "VARCHAR",
        "enum": "VARCHAR",
        "int": "BIGINT",
        "decimal": "DECIMAL(18,4)",
        "bool": "BOOLEAN",
        "date": "DATE",
        "instant": "TIMESTAMP",  # always UTC, without a zone
    }
)

# The natural key of each dataset, within one source, where source.toml declares no other.
KEYS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "customers": ("customer_id",),
        "customer_tier_history": ("customer_id", "valid_from"),
        "customer_links": ("customer_id",),
        "products": ("product_id",),
        "assets": ("asset_id",),
        "orders": ("order_id",),
        "order_items": ("order_id", "line_no"),
        "tickets": ("ticket_id",),
        "ticket_events": ("ticket_id", "event_seq"),
        "complaints": ("complaint_id",),
        "surveys": ("survey_id",),
        "survey_answers": ("survey_id", "dimension"),
        "visits": ("visit_id",),
        "outlets": ("outlet_id",),
        "calls": ("call_id",),
        "chat_sessions": ("session_id",),
        "interactions": ("interaction_id",),
        "points_ledger": ("entry_id",),
        "staff": ("staff_id",),
        "staff_assessments": ("assessment_id",),
        "training": ("training_id",),
        "roster": ("staff_id", "shift_start_at"),
        "parts_usage": ("usage_id",),
        "replacements": ("replacement_id",),
        "iot_alerts": ("alert_id",),
        "knowledge_articles": ("article_id",),
        "qa_reviews": ("review_id",),
        "social_mentions": ("mention_id",),
        "pain_points": ("item_id",),
        "pilots": ("pilot_id",),
        "benchmarks": ("benchmark_id",),
    }
)
# What staging takes for one thing, where that is more than the key.
# Events are numbered anew by some exports, so the instant belongs to what an event is; so does its type, since what
# is numbered by time alone can share it.
ENTITIES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {**KEYS, "ticket_events": ("ticket_id", "event_seq", "occurred_at", "event_type")}
)

# (dataset, column) -> the dataset in which that id must exist, wherever the id is given at all.
# Absent on purpose: descriptive links (a ticket's product, a complaint's ticket, a call's customer). A row
# whose description is unknown still counts, under 'unknown'; holding it back would change its KPIs.
REFERENCES: Mapping[tuple[str, str], str] = MappingProxyType(
    {
        ("customer_tier_history", "customer_id"): "customers",
        ("customer_links", "customer_id"): "customers",
        ("assets", "customer_id"): "customers",
        ("orders", "customer_id"): "customers",
        ("order_items", "order_id"): "orders",
        ("tickets", "customer_id"): "customers",
        ("ticket_events", "ticket_id"): "tickets",
        ("complaints", "customer_id"): "customers",
        ("surveys", "customer_id"): "customers",
        ("survey_answers", "survey_id"): "surveys",
        ("visits", "ticket_id"): "tickets",
        ("interactions", "customer_id"): "customers",
        ("points_ledger", "customer_id"): "customers",
        ("staff_assessments", "staff_id"): "staff",
        ("training", "staff_id"): "staff",
        ("roster", "staff_id"): "staff",
        ("iot_alerts", "asset_id"): "assets",
        ("qa_reviews", "ticket_id"): "tickets",
    }
)

# The reason code of a row whose reference is missing, by the dataset referred to.
ORPHAN_CODES: Mapping[str, str] = MappingProxyType(
    {
        "assets": "orphan_asset",
        "customers": "orphan_customer",
        "orders": "orphan_order",
        "staff": "orphan_staff",
        "surveys": "orphan_survey",
        "tickets": "orphan_ticket",
    }
)


@dataclass(frozen=True)
class Column:
    """One column of a dataset; `values` is filled for enumerations only."""

    name: str
    type: str
    required: bool
    is_version: bool
    is_personal: bool
    is_dimension: bool
    values: tuple[str, ...]

    @property
    def duckdb_type(self) -> str:
        """The type this column has in raw tables, landing tables and checks."""
        return DUCKDB_TYPES[self.type]


@dataclass(frozen=True)
class Dataset:
    """One kind of thing an export can hold, whatever the source."""

    name: str
    is_optional_export: bool
    columns: tuple[Column, ...]

    def column(self, name: str) -> Column:
        """The column of that name; KeyError names the dataset too."""
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(f"{self.name}.{name}")

    @property
    def column_names(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.columns)

    @property
    def required_columns(self) -> tuple[Column, ...]:
        return tuple(column for column in self.columns if column.required)

    @property
    def version_columns(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.columns if column.is_version)

    @property
    def key(self) -> tuple[str, ...]:
        return KEYS[self.name]


@lru_cache(maxsize=1)
def datasets() -> dict[str, Dataset]:
    """Every dataset of the contract, in the order of sql/datasets.csv."""
    with (SQL / "datasets.csv").open(encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines))
    return {
        name: Dataset(name, optional == "yes", tuple(_column(row) for row in columns))
        for (name, optional), columns in groupby(rows, key=itemgetter("dataset", "optional_export"))
    }


def _column(row: Mapping[str, str]) -> Column:
    declared = row["type"]
    return Column(
        name=row["column"],
        type="enum" if declared.startswith("enum(") else declared,
        required=row["required"] == "yes",
        is_version=row["version_column"] == "yes",
        is_personal=row["personal"] == "yes",
        is_dimension=row["dimension"] == "yes",
        values=_enum_values(declared),
    )


def _enum_values(declared: str) -> tuple[str, ...]:
    """The values of `enum(a,b)`, or of the CSV column that `enum(sql/….csv)` names."""
    match = re.fullmatch(r"enum\((.+)\)", declared)
    if not match:
        return ()
    inside = match.group(1)
    if not inside.endswith(".csv"):
        return tuple(inside.split(","))
    with (SQL.parent / inside).open(encoding="utf-8", newline="") as lines:
        header, *rows = csv.reader(lines)
    # policies/tiers.csv lists its values in the column named after it: tiers -> tier.
    position = header.index(Path(inside).stem.removesuffix("s"))
    return tuple(row[position] for row in rows if row)
