"""A home of its own, a way to connect a file to it, and workbooks as offices keep them."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import openpyxl
import pytest

from dashboard.i18n import translator
from ingestion.connect.connector import Connected, connect

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    Connect = Callable[..., Connected]

NOW = datetime(2025, 7, 10)


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """HOME/mappings, not there yet."""
    return tmp_path / "home" / "mappings"


@pytest.fixture
def connected(own: Path) -> Connect:
    """Connect a file, with the words of one language in what is written."""

    def run(path: Path, source: str = "crm", feed: str = "tickets", lang: str = "zh", **options: Any) -> Connected:
        t = translator(lang)

        def words(code: str, /, **fields: object) -> str:
            return t(f"cli.connect.{code}", **fields)

        return connect(path, source, feed, own, words, now=NOW, **options)

    return run


def written(folder: Path) -> dict[str, bytes]:
    """Every file below a folder, by name."""
    return {str(f.relative_to(folder)): f.read_bytes() for f in sorted(folder.rglob("*")) if f.is_file()}


def fill_sheet(sheet: Any, rows: Sequence[Sequence[object]], merged: Sequence[str] = ()) -> None:
    """Write rows into a sheet, then merge cell ranges (A1:F1)."""
    for row in rows:
        sheet.append(list(row))
    for cells in merged:
        sheet.merge_cells(cells)


@pytest.fixture
def workbook(tmp_path: Path) -> Callable[..., Path]:
    """Write a workbook: workbook("a.xlsx", {"Sheet": (rows, merged ranges)})."""

    def write(name: str, sheets: dict[str, tuple[Sequence[Sequence[object]], Sequence[str]]]) -> Path:
        book = openpyxl.Workbook()
        book.remove(book.active)
        for title, (rows, merged) in sheets.items():
            fill_sheet(book.create_sheet(title), rows, merged)
        book.save(tmp_path / name)
        return tmp_path / name

    return write
