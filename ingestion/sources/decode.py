"""From bytes to text: strictly by the declared encodings, into a temporary UTF-8 file.

A wrong declaration must be caught here: Latin-1 accepts any bytes, and GB18030 nearly any, so both would turn
another encoding into plausible nonsense without an error.
"""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ingestion.errors import WrongEncoding

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
# Latin-1 text has its accents one at a time; Chinese double bytes read as Latin-1 come in even runs.
_HIGH_RUNS = re.compile(rb"[\x80-\xff]+")
_ENOUGH_BYTES = 12


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
    _decodes(raw, candidates[0], skip, target, errors=_BAD_BYTES)
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
    runs = _HIGH_RUNS.findall(sample)
    if sum(map(len, runs)) < _ENOUGH_BYTES:
        return
    # GB18030 lead bytes sit beside ASCII trail bytes, so text in it is practically never valid UTF-8.
    if _fits(sample, "utf-8"):
        raise WrongEncoding(export, encoding, "utf-8")
    single_byte = codecs.lookup(encoding).name in ("iso8859-1", "iso8859-15", "cp1252")
    if single_byte and all(len(run) % 2 == 0 for run in runs) and _fits(sample, "gb18030"):
        raise WrongEncoding(export, encoding, "gb18030")


def likely_encoding(raw: Path, declared: str) -> str:
    """An encoding the whole of a file fits although the declared one does not, '' if none is known."""
    others = [name for name in _LIKELY if name != codecs.lookup(declared).name]
    return next((name for name in others if _decodes(raw, name, 0, None)), "")


def _fits(sample: bytes, encoding: str) -> bool:
    try:
        sample.decode(encoding)
    except UnicodeError:
        return False
    return True
