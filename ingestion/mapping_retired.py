"""Feeds that have ended: mappings/<source>/retired.csv, a file of its own, so that a shipped source can have one."""

from __future__ import annotations

import re
from datetime import date
from typing import TYPE_CHECKING

from ingestion.errors import MappingInvalid
from ingestion.mapping_columns import file_of, read_csv

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from pathlib import Path

FILE = "retired.csv"
EVERY = "*"
# A spreadsheet writes 2025/7/1 where 2025-07-01 was typed.
_DAY = re.compile(r"(\d{4})[-/](\d{1,2})[-/](\d{1,2})")


def retired(folders: Sequence[Path], feeds: Collection[str]) -> dict[str, date]:
    """Feed -> the first day of which nothing is to come any more; none where no folder has the file.

    Raises:
        MappingInvalid: with the line that is wrong.
    """
    file = file_of(folders, FILE)
    if not file.is_file():
        return {}
    found: dict[str, date] = {}
    for line, row in read_csv(file, ("feed", "since")):
        feed, since = row["feed"].strip(), row["since"].strip()
        if feed not in (EVERY, *feeds):
            raise MappingInvalid(str(file), f"no such feed: {feed}", line)
        try:
            year, month, day = _DAY.fullmatch(since).groups()  # type: ignore[union-attr]
            first = date(int(year), int(month), int(day))
        except (AttributeError, ValueError) as error:
            raise MappingInvalid(str(file), f"since is a day, as 2025-07-01 is, not {since!r}", line) from error
        found |= dict.fromkeys(feeds if feed == EVERY else [feed], first)
    return found
