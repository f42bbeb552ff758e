"""From the file as delivered to plain content: its hash, what its first bytes say, gzip and zip undone.

Archives are unpacked completely, so their checksums are verified before anything is read (DuckDB loads a gzip
file with a wrong checksum without a word), and within limits, so a small file cannot fill the disk.
"""

from __future__ import annotations

import gzip
import hashlib
import stat
import zipfile
import zlib
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING

from ingestion.errors import (
    CorruptGzip,
    CorruptZip,
    ExportEmpty,
    ExportUnreadable,
    PasswordProtected,
    TooLarge,
    WrongFormat,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CHUNK = 1 << 20
MOST_BYTES = 8 << 30
# Real exports shrink 5 to 50 times; what shrinks 200 times is a bomb or damaged, unless it is small.
MOST_SHRUNK = 200
SMALL_ENOUGH = 32 << 20

_MAGIC = (
    (b"\x1f\x8b", "gzip"),
    (b"PK\x03\x04", "zip"),
    (b"PK\x05\x06", "zip"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "ole"),
    (b"PAR1", "parquet"),
    (b"%PDF", "pdf"),
    (b"SQLite format 3", "sqlite"),
    (b"\x89PNG", "png"),
    (b"\xff\xd8\xff", "jpeg"),
    (b"7z\xbc\xaf", "7z"),
    (b"Rar!", "rar"),
    (b"BZh", "bzip2"),
    (b"\xfd7zXZ", "xz"),
    (b"(\xb5/\xfd", "zstd"),
)
_WORKBOOK = "xl/workbook.xml"
_CONTAINERS = {"xlsx": "zip", "xls": "ole", "parquet": "parquet"}


def fingerprint(path: Path) -> tuple[str, int]:
    """SHA-256 of the file as delivered, by which a load is known, and its size."""
    digest = hashlib.sha256()
    try:
        # Opening a named pipe would wait for ever for somebody to write into it.
        if not stat.S_ISREG(path.stat().st_mode):
            raise ExportUnreadable(path.name, "not a regular file")
        with path.open("rb") as stream:
            while chunk := stream.read(CHUNK):
                digest.update(chunk)
        return digest.hexdigest(), path.stat().st_size
    except OSError as error:
        raise ExportUnreadable(path.name, str(error.strerror)) from error


def unpacked(path: Path, format: str, work: Path) -> Path:
    """The plain content of `path`: itself, or a copy without gzip or zip below `work`.

    Raises:
        WrongFormat: the first bytes contradict `format`; and the errors of a damaged archive.
    """
    kind = _kind(path)
    name = path.name.lower()
    if name.endswith(".gz"):
        _expect(path, "gzip", kind)
        return _inner(path, _gunzip(path, work / "unpacked"), format)
    if name.endswith(".zip"):
        _expect(path, "zip", kind)
        return _inner(path, _unzip(path, work / "unpacked"), format)
    return _inner(path, path, format)


def _inner(delivered: Path, content: Path, format: str) -> Path:
    if content.stat().st_size == 0:
        raise ExportEmpty(delivered.name)
    kind = _kind(content)
    container = _CONTAINERS.get(format, "")
    # A workbook with a password is an OLE container around the encrypted zip, whatever its name says.
    if kind == "ole" and "EncryptedPackage".encode("utf-16-le") in content.read_bytes():
        raise PasswordProtected(delivered.name)
    if kind != container:
        raise WrongFormat(delivered.name, format, _named(content, kind))
    if format == "xlsx":
        check_workbook(delivered.name, content)
    return content


def _named(content: Path, kind: str) -> str:
    """What a content of an unexpected kind is called. Many systems write a web page or XML and call it .xls."""
    if kind == "ole":
        return "xls"
    if kind == "zip" and zipfile.is_zipfile(content):
        with zipfile.ZipFile(content) as archive:
            return "xlsx" if _WORKBOOK in archive.namelist() else "zip"
    if kind:
        return kind
    head = content.read_bytes()[:1024].lower()
    if b"urn:schemas-microsoft-com:office:spreadsheet" in head:
        return "XML 2003"
    return "HTML" if any(mark in head for mark in (b"<html", b"<table", b"<!doctype html")) else "text"


def _expect(path: Path, expected: str, kind: str) -> None:
    if path.stat().st_size == 0:
        raise ExportEmpty(path.name)
    if kind != expected:
        raise WrongFormat(path.name, expected, kind or "text")


def _kind(path: Path) -> str:
    """What the first bytes say, '' for text and anything unknown."""
    try:
        with path.open("rb") as stream:
            head = stream.read(16)
    except OSError as error:
        raise ExportUnreadable(path.name, str(error.strerror)) from error
    return next((kind for magic, kind in _MAGIC if head.startswith(magic)), "")


def _gunzip(path: Path, target: Path) -> Path:
    try:
        with gzip.open(path, "rb") as packed:
            _copy(packed, target, path)
    except (OSError, EOFError, zlib.error) as error:
        raise CorruptGzip(path.name, str(error)) from error
    return target


def _unzip(path: Path, target: Path) -> Path:
    with _opened_zip(path.name, path) as archive:
        members = [m for m in archive.infolist() if not m.is_dir() and not _is_by_the_system(m.filename)]
        if len(members) != 1:
            raise CorruptZip(path.name, f"{len(members)} files inside")
        if members[0].flag_bits & 1:
            raise PasswordProtected(path.name)
        with archive.open(members[0]) as packed:
            _copy(packed, target, path)
    return target


def _is_by_the_system(name: str) -> bool:
    """Whether a member is one that no person packed: .DS_Store, and the doubles macOS makes."""
    return name.startswith("__MACOSX/") or name.rpartition("/")[2].startswith(".")


@contextmanager
def _opened_zip(export: str, path: Path) -> Iterator[zipfile.ZipFile]:
    try:
        with zipfile.ZipFile(path) as archive:
            yield archive
    except (zipfile.BadZipFile, EOFError, zlib.error, NotImplementedError, OSError) as error:
        raise CorruptZip(export, str(error)) from error


def _copy(packed: IO[bytes] | gzip.GzipFile, target: Path, path: Path) -> None:
    """Unpack to the end, so that the checksum at the end is verified, but never past the limits."""
    limit = max(SMALL_ENOUGH, min(MOST_BYTES, path.stat().st_size * MOST_SHRUNK))
    written = 0
    with target.open("wb") as plain:
        while chunk := packed.read(CHUNK):
            written += len(chunk)
            if written > limit:
                raise TooLarge(path.name, written, limit)
            plain.write(chunk)


def check_workbook(export: str, path: Path) -> None:
    """Refuse a zip that is no workbook, or one that would unpack beyond reason, before anything opens it."""
    with _opened_zip(export, path) as archive:
        members = archive.infolist()
        if not any(member.filename == _WORKBOOK for member in members):
            raise WrongFormat(export, "xlsx", "zip")
        unpacked_bytes = sum(member.file_size for member in members)
        limit = max(SMALL_ENOUGH, path.stat().st_size * MOST_SHRUNK)
        if unpacked_bytes > limit:
            raise TooLarge(export, unpacked_bytes, limit)
        damaged = archive.testzip()
        if damaged:
            raise CorruptZip(export, damaged)
