"""Schema drift: what the header of a file says that the last one of its feed did not, and the reverse.

Warnings are for what is new. A column that the mapping did not know last night either, or that was missing then
too, is only noted: told every night, it would hide the one that went missing today.
"""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING

from ingestion.errors import Finding
from ingestion.warehouse import ledger

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import duckdb

    from ingestion.landing import Landed

ALIKE = 0.5
"""Least similarity of two headings to call one the other's new name. Chinese headings are short: one differing
character of four already makes it 0.75, two make it 0.5."""
_BY_MAPPING = ("unmapped_column", "absent_column")


def tell(con: duckdb.DuckDBPyConnection, landed: Iterable[Landed]) -> None:
    """Replace what each file's header says beside its mapping by what it says beside the last file of its feed."""
    last: dict[tuple[str, str], list[str]] = {}
    for one in landed:
        feed = one.source, one.feed
        before = last.get(feed) or ledger.last_headings(con, *feed)
        last[feed] = one.headings or before
        if before and one.headings:
            _compare(one, before)


def _compare(one: Landed, before: Sequence[str]) -> None:
    feed, present = one.settings, set(one.headings)
    unmapped = [heading for heading in one.headings if not feed.knows(heading)]
    # What the mapping says not to load is no news.
    new = [h for h in one.headings if h not in before and (h in unmapped or h in feed.headings)]
    absent = [heading for heading in feed.used(present) if heading not in present]
    gone = [heading for heading in absent if heading in before]
    renamed = _renamed(gone, [heading for heading in new if heading in unmapped])
    told = {
        "new_column": [heading for heading in new if heading not in renamed.values()],
        "gone_column": [heading for heading in gone if heading not in renamed],
        "renamed_column": [f"{old} → {name}" for old, name in renamed.items()],
    }
    known = {
        "unmapped_column": [heading for heading in unmapped if heading not in new],
        "absent_column": [heading for heading in absent if heading not in gone],
    }
    one.warnings = [finding for finding in one.warnings if finding.code not in _BY_MAPPING]
    one.warnings += _findings(one, told)
    one.notes += _findings(one, known)


def _renamed(gone: Sequence[str], new: Sequence[str]) -> dict[str, str]:
    """Old heading -> the new one most like it, each new one once."""
    renamed: dict[str, str] = {}
    for old in gone:
        left = {heading.lower(): heading for heading in new if heading not in renamed.values()}
        alike = get_close_matches(old.lower(), left, n=1, cutoff=ALIKE)
        if alike:
            renamed[old] = left[alike[0]]
    return renamed


def _findings(one: Landed, told: dict[str, list[str]]) -> list[Finding]:
    return [
        Finding(code, {"file": one.file, "columns": ", ".join(columns)}) for code, columns in told.items() if columns
    ]
