"""Names of tables and columns for a query that is being written: found by a part of them, put where they belong."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

SHOWN: Final = 24
_BEGUN: Final = re.compile(r"[A-Za-z_][\w.]*$")
_NAMED: Final = re.compile(r"[a-z_]\w*\.\w+", re.IGNORECASE)
_OPEN: Final = (" ", "\n", "\t", "(")


def offered(text: str, wanted: str, tables: Mapping[str, tuple[str, ...]]) -> list[str]:
    """Names to choose from: those that hold `wanted`, else those that the end of the query begins.

    Columns of tables that the query names come first, then tables; where none is named yet, any table's columns.
    """
    named = [name for name in dict.fromkeys(_NAMED.findall(text)) if name in tables]
    columns = [column for name in named for column in tables[name]]
    if not named and wanted:
        columns = [column for told in tables.values() for column in told]
    known = list(dict.fromkeys([*columns, *tables]))
    part = (wanted.strip() or begun(text)).casefold()
    if not wanted and part in known:
        # The word is whole already: anything may follow.
        part = ""
    return sorted((name for name in known if part in name.casefold()), key=lambda name: not _starts(name, part))


def put(text: str, name: str, wanted: str = "") -> str:
    """The query with the name at its end: instead of the word that it completes, else after it."""
    part = begun(text)
    if part and not wanted and part.casefold() in name.casefold():
        return text[: -len(part)] + name
    return text + ("" if not text or text.endswith(_OPEN) else " ") + name


def begun(text: str) -> str:
    """The word that the query ends in; '' after a blank."""
    found = _BEGUN.search(text)
    return found.group() if found else ""


def _starts(name: str, part: str) -> bool:
    """Whether the name, or what stands after its schema, begins with the part."""
    return name.casefold().startswith(part) or name.casefold().rpartition(".")[2].startswith(part)
