"""From bytes to text: strictly by the declared encodings, into a temporary UTF-8 file.

A wrong declaration must be caught here: Latin-1 accepts any bytes, and GB18030 nearly any, so both would turn
another encoding into plausible nonsense without an error.
"""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ingestion.errors import Finding, WrongEncoding

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

CHUNK = 1 << 20
_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_LIKELY = ("utf-8", "gb18030")
# What stands in for a byte that does not decode: lone surrogates, which no real text holds.
UNDECODABLE = re.compile("[\udc00-\udcff]")
_WESTERN = ("iso8859-1", "iso8859-15", "cp1252")
# Western text has its accents one or two at a time; what is two bytes a letter, or Cyrillic, comes in long runs.
_HIGH_RUNS = re.compile(rb"[\x80-\xff]+")
_LETTERS, _SIGNS = re.compile(rb"[\xc0-\xd6\xd8-\xf6\xf8-\xff]{2}"), re.compile(rb"[\x80-\xbf\xd7\xf7]")
_ENOUGH_BYTES = 12
_CONTROLS = re.compile(rb"[\x80-\x9f]")
# What Big5 text turns into when it is read as GB18030 has few of the characters in common use.
_IN_USE_SHARE = 0.8


@dataclass(frozen=True)
class Decoded:
    """Text as UTF-8 without a byte order mark.

    path: the file itself where its bytes are that already.
    encoding: the one it was in.
    skip: bytes of a byte order mark at its beginning.
    clean: every byte decoded; otherwise those that did not are lone surrogates (open with surrogatepass).
    """

    path: Path
    encoding: str
    skip: int
    clean: bool


# U+FFFD, and letters of UTF-8 that were once read as Western ones: what follows their lead is no letter.
_LOST = b"\xef\xbf\xbd"
_SIGN = rb"(?:\xc2[\x80-\xbf]|\xc5[\x92-\xbe]|\xc6\x92|\xcb[\x86\x9c]|\xe2\x80[\x93-\xba]|\xe2\x82\xac)"
_ENCODED_TWICE = re.compile(rb"\xc3[\x82\x83]\xc2[\x80-\xbf]|\xc3[\xa2-\xaf]" + _SIGN + rb"{2}")

_BAD_BYTES = "aftercare_bad_bytes"


def _mark_bad_bytes(error: UnicodeError) -> tuple[str, int]:
    """Keep each byte that does not decode as a lone surrogate, from which the byte can be shown again."""
    if not isinstance(error, UnicodeDecodeError):
        raise error
    bad = error.object[error.start : error.end]
    return "".join(chr(0xDC00 + byte) for byte in bad), error.end


codecs.register_error(_BAD_BYTES, _mark_bad_bytes)


def readable(text: str) -> str:
    """Text in which bytes that did not decode are written as \\xNN, so that it can be stored."""
    return UNDECODABLE.sub(lambda match: f"\\x{ord(match.group()) - 0xDC00:02x}", text)


def garbled(export: str, text: Decoded) -> list[Finding]:
    """A finding where text was already nonsense when it was written: nobody can read it, the bytes are in order."""
    places = 0
    with text.path.open("rb") as stream:
        while chunk := stream.read(CHUNK):
            chunk += stream.readline()  # so that no place lies across the end of a chunk
            places += chunk.count(_LOST)
            if b"\xc3" in chunk:
                places += len(_ENCODED_TWICE.findall(chunk))
    return [Finding("garbled_text", {"file": export, "count": places})] if places else []


def decoded(export: str, raw: Path, encodings: Sequence[str], work: Path) -> Decoded:
    """Decode the whole file by its byte order mark, else by the first declared encoding that fits strictly.

    Raises:
        WrongEncoding: it decodes, but only because the declared encoding accepts anything.
    """
    with raw.open("rb") as stream:
        head = stream.read(CHUNK)
    bom = next(((mark, name) for mark, name in _BOMS if head.startswith(mark)), None)
    candidates = [bom[1]] if bom else list(encodings)
    skip = len(bom[0]) if bom else 0
    for encoding in candidates:
        target = raw if _is_utf8(encoding) else work / "decoded"
        if _decodes(raw, encoding, skip, None if target is raw else target):
            if not bom:
                _refuse_nonsense(export, raw, encoding)
            return Decoded(target, encoding, skip if target is raw else 0, clean=True)
    target = work / "decoded"
    if not _decodes(raw, candidates[0], skip, target, errors=_BAD_BYTES):
        raise WrongEncoding(export, candidates[0], likely_encoding(raw, candidates[0]))
    return Decoded(target, candidates[0], 0, clean=False)


def _is_utf8(encoding: str) -> bool:
    return codecs.lookup(encoding).name in ("utf-8", "ascii")


def _decodes(raw: Path, encoding: str, skip: int, target: Path | None, errors: str = "strict") -> bool:
    """Whether every byte decodes; writes the text as UTF-8 to `target` on the way, in bounded memory."""
    decoder = codecs.getincrementaldecoder(encoding)(errors)
    with raw.open("rb") as stream:
        stream.seek(skip)
        plain = target.open("wb") if target else None
        try:
            while chunk := stream.read(CHUNK):
                text = decoder.decode(chunk)
                if plain:
                    plain.write(text.encode("utf-8", "surrogatepass"))
            rest = decoder.decode(b"", final=True)
            if plain:
                plain.write(rest.encode("utf-8", "surrogatepass"))
        except UnicodeError:
            return False
        finally:
            if plain:
                plain.close()
    return True


def _refuse_nonsense(export: str, raw: Path, encoding: str) -> None:
    """Tell a declared encoding that merely accepts the bytes from one in which they were written."""
    if _is_utf8(encoding) or codecs.lookup(encoding).name.startswith("utf"):
        return
    with raw.open("rb") as stream:
        sample = stream.read(8 * CHUNK)
    sample = sample[: sample.rfind(b"\n") + 1] or sample
    runs = set(_HIGH_RUNS.findall(sample))
    if not runs:
        return
    name = codecs.lookup(encoding).name
    if _is_surely_utf8(sample, name):
        raise WrongEncoding(export, encoding, "utf-8")
    if name in _WESTERN and _is_not_western(runs):
        raise WrongEncoding(export, encoding, "gb18030" if _fits(sample, "gb18030") else "")
    if name == "iso8859-1" and any(_CONTROLS.search(run) for run in runs):
        raise WrongEncoding(export, encoding, "cp1252" if _fits(sample, "cp1252") else "")
    if name in ("gbk", "gb18030") and _is_big5(sample, name):
        raise WrongEncoding(export, encoding, "big5")


def _is_surely_utf8(sample: bytes, declared: str) -> bool:
    """Text in another encoding is practically never valid UTF-8 as well, but for a few short words of GB18030."""
    try:
        beyond = [letter for letter in sample.decode("utf-8") if letter > "\x7f"]
    except UnicodeError:
        return False
    long = sum(letter >= "\u0800" for letter in beyond)
    return declared in _WESTERN or long >= 2 or len("".join(beyond).encode()) >= _ENOUGH_BYTES


def _is_not_western(runs: set[bytes]) -> bool:
    """Whether letters beyond ASCII stand together as in no Western word: with signs among them, or far too many."""
    mixed = any(len(run) >= 4 and _LETTERS.search(run) and _SIGNS.search(run) for run in runs)
    letters = [run for run in runs if len(run) >= 5 and not _SIGNS.search(run)]
    in_pairs = all(len(run) % 2 == 0 for run in runs) and sum(map(len, runs)) >= _ENOUGH_BYTES
    long = sum(len(run) >= 4 and _LETTERS.search(run) is not None for run in runs)
    return mixed or len(letters) >= 2 or (in_pairs and 2 * long >= len(runs))


def _is_big5(sample: bytes, declared: str) -> bool:
    """Whether all of it is common Chinese of Big5, and much of it uncommon in the declared encoding."""
    beyond = {letter for letter in sample.decode(declared) if letter > "\xff"}
    in_use = sum(_fits_in(letter, "gb2312") for letter in beyond)
    if len(beyond) < _ENOUGH_BYTES // 2 or in_use > _IN_USE_SHARE * len(beyond):
        return False
    try:
        letters = {letter.encode("big5") for letter in sample.decode("big5") if letter > "\xff"}
    except UnicodeError:
        return False
    return all(b"\xa1" <= letter[:1] <= b"\xc6" for letter in letters)


def likely_encoding(raw: Path, declared: str) -> str:
    """An encoding the whole of a file fits although the declared one does not, '' if none is known."""
    with raw.open("rb") as stream:
        head = stream.read(CHUNK)
    # Half of the bytes of most UTF-16 text are zero: the first of each two, or the second.
    if 3 * head.count(0) > len(head):
        return "utf-16-be" if head[::2].count(0) > head[1::2].count(0) else "utf-16-le"
    others = [name for name in _LIKELY if name != codecs.lookup(declared).name]
    return next((name for name in others if _decodes(raw, name, 0, None)), "")


def _fits_in(letter: str, encoding: str) -> bool:
    try:
        letter.encode(encoding)
    except UnicodeError:
        return False
    return True


def _fits(sample: bytes, encoding: str) -> bool:
    try:
        sample.decode(encoding)
    except UnicodeError:
        return False
    return True
