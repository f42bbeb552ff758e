"""Reading the TOML entries of sql/kpis, sql/views and sql/cards.toml: what every kind of entry has in common."""

from __future__ import annotations

import hashlib
import json
import tomllib
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

PAGES = (
    "overview",
    "response",
    "repair",
    "complaints",
    "satisfaction",
    "loyalty",
    "care",
    "team",
    "parts",
    "programme",
    "quality",
)
DIMENSIONS = (
    "region",
    "area",
    "tier",
    "is_vip",
    "channel",
    "customer_type",
    "product",
    "product_group",
    "source",
)
"""Dimensions that every fact and mart carries; an entry may add its own."""


class KpiEntryInvalid(Exception):
    """An entry of sql/kpis or sql/views cannot be used; the message names file, entry and field."""


def words(entry: Mapping[str, Any], name: str, where: str) -> Mapping[str, str]:
    """A text in both languages. Raises KpiEntryInvalid."""
    found = entry.get(name)
    if not isinstance(found, dict) or not found.get("zh") or not found.get("en"):
        raise KpiEntryInvalid(f"{where}: {name} needs both zh and en")
    return MappingProxyType({"zh": str(found["zh"]), "en": str(found["en"])})


def one_of(value: str, known: tuple[str, ...], name: str, where: str) -> None:
    """Raises KpiEntryInvalid where the value is not a known one."""
    if value not in known:
        raise KpiEntryInvalid(f"{where}: {name} {value!r} is not one of {', '.join(known)}")


def dimensions(entry: dict[str, Any]) -> tuple[str, ...]:
    """The shared dimensions without `not_by`, then the entry's own, which are taken out of it.

    A dimension that a fact cannot know (a customer has no product) is refused, not answered with "unknown".
    """
    hidden = tuple(entry.get("not_by", ()))
    return (*(name for name in DIMENSIONS if name not in hidden), *entry.pop("more_dimensions", ()))


def version(entry: Mapping[str, Any]) -> str:
    """Changes with any change of the entry."""
    definition = json.dumps(entry, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(definition.encode()).hexdigest()[:12]


def in_folder(folder: Path) -> Iterator[tuple[str, dict[str, Any], str]]:
    """Id, entry and place of every entry of a folder, in the order of the files. Raises KpiEntryInvalid."""
    seen: set[str] = set()
    for path in sorted(folder.glob("*.toml")):
        for entry_id, entry in in_file(path).items():
            where = f"{path.name} [{entry_id}]"
            if entry_id in seen:
                raise KpiEntryInvalid(f"{where}: the id is defined twice")
            seen.add(entry_id)
            yield entry_id, entry, where


def one(folder: Path, entry_id: str) -> tuple[dict[str, Any], str] | None:
    """One entry and its place, read from its own file alone; None where none has that id. Raises KpiEntryInvalid."""
    for path in sorted(folder.glob("*.toml")):
        if f"[{entry_id}]" in path.read_text(encoding="utf-8") and (found := in_file(path).get(entry_id)):
            return found, f"{path.name} [{entry_id}]"
    return None


def in_file(path: Path) -> dict[str, dict[str, Any]]:
    """The entries of one file by id. Raises KpiEntryInvalid."""
    try:
        entries = tomllib.loads(path.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        # Also an id defined twice in one file, which TOML itself forbids.
        raise KpiEntryInvalid(f"{path.name}: {error}") from error
    for entry_id, entry in entries.items():
        if not isinstance(entry, dict):
            raise KpiEntryInvalid(f"{path.name}: {entry_id} stands outside of any [entry]")
    return entries
