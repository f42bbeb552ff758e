"""JSON text read a value at a time, so that a list of any length needs no more memory than its longest entry.

Numbers stay as they are written; a field named twice leaves a mark, since nobody could rely on its value.
"""

from __future__ import annotations

import json
import re
from typing import IO, TYPE_CHECKING, Any, Never

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

CHUNK = 1 << 20
# Stands in a record for a field that was named twice; no field can have this name.
TWICE = "\0twice"
# An error this close to the end of what is read so far may only mean that the rest is not read yet.
_CUT_OFF = 16
_ENDS = frozenset(",]} \t\r\n")
_BLANKS = re.compile(r"[ \t\r\n]*")
_KINDS = {"{": "object", '"': "text", "": "nothing"}


class NotJson(Exception):
    """The text breaks off being JSON; says where, never what stands there."""


class NotAList(Exception):
    """What stands where the list should be; the text is JSON as far as it was read."""


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) != len(pairs):
        fields[TWICE] = True
    return fields


def _refuse(constant: str) -> Never:
    raise ValueError(constant)


_DECODER = json.JSONDecoder(object_pairs_hook=_object, parse_float=str, parse_int=str, parse_constant=_refuse)


def parsed(text: str) -> Any:
    """The value of JSON text; None where it is not JSON."""
    try:
        return _DECODER.decode(text)
    except (ValueError, RecursionError):
        return None


class ListReader:
    """Reads the entries of one list, which stands at the top or below the named fields.

    start: the byte of the list's bracket, once it is reached.
    """

    def __init__(self, stream: IO[str], path: Sequence[str]) -> None:
        self.stream = stream
        self.path = path
        self.text, self.at, self.is_more = "", 0, True
        self.passed, self.characters = 0, 0
        self.start = 0

    def entries(self) -> Iterator[tuple[str, Any]]:
        """Text and value of each entry. To the end of the file, so that what is cut off or trails is seen.

        Raises:
            NotJson, NotAList.
        """
        for name in self.path:
            self._descend(name)
        if self._mark() != "[":
            raise NotAList(_KINDS.get(self._mark(), "a single value"))
        self.start = self.passed + self._bytes(self.at)
        self._expect("[")
        if self._mark() != "]":
            yield self._value()
            while self._mark() == ",":
                self._expect(",")
                yield self._value()
        self._expect("]")
        for name in self.path:
            self._ascend(name)
        if self._mark():
            raise NotJson(f"character {self._position()}")

    def _descend(self, name: str) -> None:
        if self._mark() != "{":
            raise NotAList(_KINDS.get(self._mark(), "a single value"))
        self._expect("{")
        while self._mark() != "}":
            if self._field() == name:
                return
            self._value()
            if self._mark() != ",":
                break
            self._expect(",")
        self._expect("}")
        raise NotAList("nothing")

    def _ascend(self, name: str) -> None:
        """Pass what follows the list in the object around it; a second field of the same name is one too many."""
        while self._mark() == ",":
            self._expect(",")
            if self._field() == name:
                raise NotJson(f"character {self._position()}")
            self._value()
        self._expect("}")

    def _field(self) -> str:
        name = self._value()[1] if self._mark() == '"' else None
        self._expect(":")
        return str(name)

    def _value(self) -> tuple[str, Any]:
        self._mark()
        while True:
            try:
                value, end = _DECODER.raw_decode(self.text, self.at)
            except json.JSONDecodeError as error:
                is_cut = error.pos >= len(self.text) - _CUT_OFF or error.msg.startswith("Unterminated")
                if not self.is_more or not is_cut:
                    raise NotJson(f"character {self._position() + error.pos - self.at}") from error
            except (ValueError, RecursionError) as error:
                raise NotJson(f"character {self._position()}") from error
            else:
                # A number at the very end may go on, behind a point or an exponent too.
                if self.text[end : end + 1] in _ENDS or end + 2 < len(self.text) or not self.is_more:
                    text, self.at = self.text[self.at : end], end
                    return text, value
            self._read()

    def _mark(self) -> str:
        """The next character that is no blank, which is not passed yet; '' at the end."""
        while True:
            blanks = _BLANKS.match(self.text, self.at)
            self.at = blanks.end() if blanks else self.at
            if self.at < len(self.text) or not self.is_more:
                return self.text[self.at : self.at + 1]
            self._read()

    def _expect(self, mark: str) -> None:
        if self._mark() != mark:
            raise NotJson(f"character {self._position()}")
        self.at += 1

    def _read(self) -> None:
        # As much again as an unfinished value has, so that a long one is not tried over and over.
        chunk = self.stream.read(max(CHUNK, len(self.text) - self.at))
        self.passed += self._bytes(self.at)
        self.characters += self.at
        self.text, self.at, self.is_more = self.text[self.at :] + chunk, 0, bool(chunk)

    def _bytes(self, end: int) -> int:
        return len(self.text[:end].encode("utf-8", "surrogatepass"))

    def _position(self) -> int:
        """The number of the character read next, first = 1."""
        return self.characters + self.at + 1
