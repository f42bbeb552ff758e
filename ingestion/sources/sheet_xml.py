"""Facts of an .xlsx, from the XML of its sheets itself; see sheet_facts.

Only what SpreadsheetML calls row, cell, formula, value and hidden is looked at, in one pass that keeps nothing.
"""

from __future__ import annotations

import posixpath
import re
import zipfile
from array import array
from typing import IO, TYPE_CHECKING, Any, NoReturn
from xml.parsers import expat

from defusedxml.ElementTree import fromstring

from ingestion.sources.sheet_facts import SheetFacts, zeros_in

if TYPE_CHECKING:
    from collections.abc import Mapping
    from io import BytesIO
    from xml.etree.ElementTree import Element

WORKBOOK = "xl/workbook.xml"
MOST_COLUMNS = 16_384
_REFERENCE = re.compile(r"([A-Z]+)([0-9]+)")
_TRUE = ("1", "true")


class XlsxFacts:
    """A workbook as its parts describe it."""

    def __init__(self, content: BytesIO) -> None:
        self.archive = zipfile.ZipFile(content)
        workbook = self._root(WORKBOOK)
        self.from_1904 = any(each.get("date1904") in _TRUE for each in _all(workbook, "workbookPr"))
        parts = {each.get("Id", ""): each for each in self._root("xl/_rels/workbook.xml.rels")}
        self.paths = {
            each.get("name", ""): _target(parts[relation].get("Target", ""))
            for each in _all(workbook, "sheet")
            if (relation := _local(each, "id")) in parts
        }
        self.blank_texts = self._blank_texts(parts)
        self.zeros = self._zeros(parts)

    def sheet(self, name: str) -> SheetFacts:
        """Look at every cell of one sheet."""
        scan = _SheetScan(self.blank_texts, self.zeros)
        with self.archive.open(self.paths[name]) as stream:
            _parse(stream, scan)
        # Writers may put rows in any order.
        scan.facts.filled = array("i", sorted(scan.facts.filled))
        return scan.facts

    def _root(self, path: str) -> Element:
        root: Element = fromstring(self.archive.read(path))
        return root

    def _part(self, parts: Mapping[str, Element], kind: str) -> str:
        """Where the one part of a kind lies, '' if the workbook has none."""
        found = (each for each in parts.values() if each.get("Type", "").endswith(f"/{kind}"))
        return next((_target(each.get("Target", "")) for each in found), "")

    def _blank_texts(self, parts: Mapping[str, Element]) -> set[int]:
        """Which of the shared texts are nothing but blanks."""
        path = self._part(parts, "sharedStrings")
        texts = _SharedTexts()
        if path:
            with self.archive.open(path) as stream:
                _parse(stream, texts)
        return texts.blank

    def _zeros(self, parts: Mapping[str, Element]) -> dict[int, int]:
        """Cell style -> digits, of the styles that show a number with leading zeros."""
        path = self._part(parts, "styles")
        if not path:
            return {}
        styles = self._root(path)
        formats = {each.get("numFmtId"): zeros_in(each.get("formatCode", "")) for each in _all(styles, "numFmt")}
        cells = [xf for group in _all(styles, "cellXfs") for xf in _all(group, "xf")]
        return {i: digits for i, xf in enumerate(cells) if (digits := formats.get(xf.get("numFmtId")))}


class _SharedTexts:
    """Numbers of the shared texts without a visible character."""

    def __init__(self) -> None:
        self.blank: set[int] = set()
        self.number, self.is_blank, self.is_text = -1, True, False

    def start(self, name: str, _: Mapping[str, str]) -> None:
        if name == "si":
            self.number, self.is_blank = self.number + 1, True
        self.is_text = name == "t"

    def data(self, text: str) -> None:
        if self.is_text and not text.isspace():
            self.is_blank = False

    def end(self, name: str) -> None:
        self.is_text = False
        if name == "si" and self.is_blank:
            self.blank.add(self.number)


class _SheetScan:
    """State between one element of a sheet and the next."""

    def __init__(self, blank_texts: set[int], zeros: Mapping[int, int]) -> None:
        self.blank_texts, self.zeros = blank_texts, zeros
        self.facts = SheetFacts()
        self.row, self.column = 0, -1
        self.is_filled = self.is_formula = self.is_value = False
        self.kind, self.style, self.text = "", 0, ""

    def start(self, name: str, attributes: Mapping[str, str]) -> None:
        if name == "c":
            reference = _REFERENCE.fullmatch(attributes.get("r", ""))
            self.column = column_number(reference[1]) if reference else self.column + 1
            self.kind, self.style = attributes.get("t", "n"), int(attributes.get("s", 0))
            self.is_formula, self.text = False, ""
        elif name in ("v", "t"):
            self.is_value = True
        elif name == "f":
            self.is_formula = True
        elif name == "row":
            self.row = int(attributes["r"]) if "r" in attributes else self.row + 1
            self.column, self.is_filled = -1, False
            if attributes.get("hidden") in _TRUE:
                self.facts.hidden_rows.add(self.row)
        elif name == "col" and attributes.get("hidden") in _TRUE:
            last = min(int(attributes["max"]), MOST_COLUMNS)
            self.facts.hidden_columns.update(range(int(attributes["min"]) - 1, last))

    def data(self, text: str) -> None:
        if self.is_value:
            self.text += text

    def end(self, name: str) -> None:
        if name in ("v", "t"):
            self.is_value = False
        elif name == "c":
            self._cell()
        elif name == "row" and self.is_filled:
            self.facts.filled.append(self.row)

    def _cell(self) -> None:
        """One cell is complete: whether it holds anything, and whether that is a value."""
        fault = ""
        if self.kind == "e":
            fault = "cell_error"
        elif not self.text:
            # An empty text is a result, and marked as text; anything else empty was never worked out.
            if not self.is_formula or self.kind == "str":
                return
            fault = "formula_without_value"
        facts = self.facts
        facts.rows, facts.columns = max(facts.rows, self.row), max(facts.columns, self.column + 1)
        if fault:
            facts.faults.setdefault(self.row, {})[self.column] = fault
        elif self.kind == "n" and (digits := self.zeros.get(self.style)):
            facts.padded.setdefault(self.row, {})[self.column] = digits
        if self.kind == "s":
            number = int(self.text)
            # calamine takes what lies before the first text for the first.
            if number < 0:
                raise ValueError("a text by a number below 0")
            is_blank = number in self.blank_texts
        else:
            is_blank = self.text.isspace()
        self.is_filled = self.is_filled or not is_blank


def column_number(letters: str) -> int:
    """A is 0, Z 25, AA 26."""
    number = 0
    for letter in letters:
        number = number * 26 + ord(letter) - 64
    return number - 1


def _parse(stream: IO[bytes], handler: _SheetScan | _SharedTexts) -> None:
    """Give every element of a stream to a handler, by its name without the namespace."""
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.buffer_text = True
    names: dict[str, str] = {}

    def local(name: str) -> str:
        if name not in names:
            names[name] = name.rpartition(" ")[2]
        return names[name]

    def refuse(*_: Any) -> NoReturn:
        # No spreadsheet program writes one, and its entities could grow without bound.
        raise ValueError("a document type within the workbook")

    parser.StartDoctypeDeclHandler = refuse
    parser.StartElementHandler = lambda name, attributes: handler.start(local(name), attributes)
    parser.EndElementHandler = lambda name: handler.end(local(name))
    parser.CharacterDataHandler = handler.data
    parser.ParseFile(stream)


def _all(root: Element, name: str) -> list[Element]:
    return [each for each in root.iter() if isinstance(each.tag, str) and each.tag.rpartition("}")[2] == name]


def _local(element: Element, name: str) -> str:
    """An attribute by its name without the namespace: two of them are in use for relations."""
    found = (value for key, value in element.attrib.items() if key.rpartition("}")[2] == name)
    return next(found, "")


def _target(path: str) -> str:
    """Where a part lies in the archive: paths are relative to xl/ or start at the root."""
    return path.lstrip("/") if path.startswith("/") else posixpath.normpath(posixpath.join("xl", path))
