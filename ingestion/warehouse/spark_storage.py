"""The storage that Spark's machines and this process share: what is kept there, and how it gets in and out.

    <shared>/owner.txt                        the home it belongs to
    <shared>/raw/<dataset>/<load>-<content>.parquet   kept between nights: one file a load
    <shared>/runs/<run>/inputs/<table>/       what only this run tells the models
    <shared>/runs/<run>/tables/<folder>.db/<model>/   what Spark builds

A path is read and written where it is. Anything with a scheme (s3a://, hdfs://, file://) goes through the file
systems that Spark's driver knows: files are copied up and down, and DuckDB needs no extension and no network.
"""

from __future__ import annotations

import shutil
import socket
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import urlsplit
from uuid import uuid4

from ingestion.warehouse.errors import SharedTaken, SharedUnusable

if TYPE_CHECKING:
    from collections.abc import Callable

    from ingestion.settings import Settings

RAW, RUNS, OWNER = "raw", "runs", "owner.txt"
# Spark and DuckDB's patterns pass over what begins like this: a file that is still being written.
_UNFINISHED = "_unfinished_"


class Storage(Protocol):
    """Files below one place, by names relative to it."""

    def spark_name(self, folder: str) -> str:
        """How Spark is told of a folder."""

    def names(self, folder: str) -> set[str]:
        """What lies in a folder; nothing if there is none."""

    def put(self, write: Callable[[Path], None], folder: str, name: str) -> None:
        """Have a file written and put it there as a whole: under its name lies all of it or nothing."""

    def make(self, folder: str) -> None:
        """Create a folder that may stay empty."""

    def remove(self, name: str) -> None:
        """Delete a file, or a folder with all in it."""

    def read(self, name: str) -> str:
        """A small text; blank if there is none."""

    def here(self, folder: str) -> Path:
        """A folder of this machine that holds the files of that folder."""


def folder_of(settings: Settings) -> Path | None:
    """The shared storage as a folder, if it is one."""
    shared = settings.spark_shared
    return Path(shared).expanduser().resolve() if shared and "://" not in shared else None


def location(workdir: Path, settings: Settings) -> str:
    """Where everything lies, as Spark names it; of the run's own where nothing is shared."""
    if settings.spark_shared and "://" in settings.spark_shared:
        return settings.spark_shared.rstrip("/")
    return str(folder_of(settings) or workdir.resolve() / "shared")


def new_run() -> str:
    """The folder of a run. Never one that was there before: an executor cut off may still be writing into that."""
    return f"{RUNS}/{uuid4().hex}"


def open_storage(place: str, workdir: Path, session: Any, home: Path) -> Storage:
    """The shared storage, proven to be ours, and free of what earlier runs left.

    Raises:
        SharedUnusable: it cannot be written to.
        SharedTaken: another home keeps its files there.
    """
    try:
        storage = _Remote(place, workdir / "copies", session) if "://" in place else _Folder(Path(place))
        storage.make(RAW)
        owner = f"{socket.gethostname()}:{home.resolve()}"
        told = storage.read(OWNER)
        if told and told != owner:
            raise SharedTaken(location=shown(place), owner=told)
        if not told:
            storage.put(lambda file: _write(file, owner), "", OWNER)
        storage.remove(RUNS)
    except OSError as error:
        raise SharedUnusable(location=shown(place), reason=error.strerror or type(error).__name__) from error
    return storage


def sweep(settings: Settings) -> None:
    """Delete what runs left in a shared folder of ours. Only the holder of the home's lock may."""
    folder = folder_of(settings)
    if folder is None:
        return
    owner = f"{socket.gethostname()}:{settings.home.resolve()}"
    with suppress(OSError):
        storage = _Folder(folder)
        if storage.read(OWNER) == owner:
            storage.remove(RUNS)


def shown(place: str) -> str:
    """A location as it may be told: a URL may hold a key before its @."""
    if "://" not in place:
        return place
    parts = urlsplit(place)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2], query="", fragment="").geturl()


def _write(file: Path, text: str) -> None:
    file.write_text(text, encoding="utf-8")


class _Folder:
    def __init__(self, root: Path) -> None:
        self._root = root

    def spark_name(self, folder: str) -> str:
        return str(self._root / folder)

    def names(self, folder: str) -> set[str]:
        with suppress(FileNotFoundError):
            return {file.name for file in (self._root / folder).iterdir()}
        return set()

    def put(self, write: Callable[[Path], None], folder: str, name: str) -> None:
        unfinished = self._root / folder / f"{_UNFINISHED}{name}"
        unfinished.parent.mkdir(parents=True, exist_ok=True)
        write(unfinished)
        unfinished.replace(self._root / folder / name)

    def make(self, folder: str) -> None:
        (self._root / folder).mkdir(parents=True, exist_ok=True)

    def remove(self, name: str) -> None:
        place = self._root / name
        if place.is_dir():
            shutil.rmtree(place)
        else:
            place.unlink(missing_ok=True)

    def read(self, name: str) -> str:
        with suppress(FileNotFoundError):
            return (self._root / name).read_text(encoding="utf-8").strip()
        return ""

    def here(self, folder: str) -> Path:
        return self._root / folder


class _Remote:
    """Through Hadoop's file systems, in the driver. What they say may quote keys: only the kind is told."""

    def __init__(self, url: str, copies: Path, session: Any) -> None:
        self._url = url
        self._copies = copies
        copies.mkdir(parents=True)
        jvm = session.sparkContext._jvm
        self._path = jvm.org.apache.hadoop.fs.Path
        self._files = self._asked(
            lambda: self._path(url).getFileSystem(session.sparkContext._jsc.hadoopConfiguration())
        )

    def spark_name(self, folder: str) -> str:
        return f"{self._url}/{folder}"

    def names(self, folder: str) -> set[str]:
        place = self._place(folder)
        if not self._asked(lambda: self._files.exists(place)):
            return set()
        return {each.getPath().getName() for each in self._asked(lambda: self._files.listStatus(place))}

    def put(self, write: Callable[[Path], None], folder: str, name: str) -> None:
        copy = self._copies / name
        write(copy)
        unfinished, final = self._place(f"{folder}/{_UNFINISHED}{name}"), self._place(f"{folder}/{name}")
        self._asked(
            lambda: self._files.copyFromLocalFile(True, True, self._path(f"file://{copy.resolve()}"), unfinished)
        )
        if not self._asked(lambda: self._files.rename(unfinished, final)):
            raise FileExistsError(None, "it could not be renamed", name)

    def make(self, folder: str) -> None:
        self._asked(lambda: self._files.mkdirs(self._place(folder)))

    def remove(self, name: str) -> None:
        self._asked(lambda: self._files.delete(self._place(name), True))

    def read(self, name: str) -> str:
        if name not in self.names(""):
            return ""
        return (self._copy_of(name)).read_text(encoding="utf-8").strip()

    def here(self, folder: str) -> Path:
        return self._copy_of(folder)

    def _copy_of(self, name: str) -> Path:
        copy = self._copies / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        target = self._path(f"file://{copy.resolve()}")
        # The last: without a file of check sums beside each.
        self._asked(lambda: self._files.copyToLocalFile(False, self._place(name), target, True))
        return copy

    def _place(self, name: str) -> Any:
        return self._path(f"{self._url}/{name}".rstrip("/"))

    @staticmethod
    def _asked(call: Callable[[], Any]) -> Any:
        from py4j.protocol import Py4JJavaError

        try:
            return call()
        except Py4JJavaError as error:
            cause = error.java_exception
            while cause.getCause() is not None:
                cause = cause.getCause()
            raise OSError(None, f"Spark says {cause.getClass().getSimpleName()}") from error
