"""DuckDB connections: the loader's writer, and the locked reader that pages and the command line use.

Mind: one process cannot open a file twice with different settings, and a connection shared by threads mixes
up their results. Callers take a cursor a call.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import duckdb

from ingestion.sqltext import literal, quoted

if TYPE_CHECKING:
    from pathlib import Path

    from ingestion.settings import Settings
    from ingestion.warehouse.places import Places

# Nothing is ever fetched from the network, by whichever statement.
_NO_EXTENSIONS: dict[str, str | bool | int | float | list[str]] = {
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
    "allow_community_extensions": False,
}


def open_reader(file: Path, *, memory_limit: str = "1GB", threads: int | None = None) -> duckdb.DuckDBPyConnection:
    """Open a snapshot read-only, with no way to files, network or settings.

    Raises:
        duckdb.Error: no such file, not a DuckDB file, damaged, or being written.
    """
    config = {**_NO_EXTENSIONS, "enable_external_access": False, "memory_limit": memory_limit}
    if threads is not None:
        config["threads"] = threads
    return duckdb.connect(str(file), read_only=True, config={**config, "lock_configuration": True})


def open_writer(file: Path, places: Places, settings: Settings) -> duckdb.DuckDBPyConnection:
    """Open `file` for writing as the main catalog; spills go to HOME/tmp, which the next run empties."""
    config = {
        **_NO_EXTENSIONS,
        "memory_limit": settings.memory_limit,
        "temp_directory": str(places.scratch / "spill"),
        "preserve_insertion_order": True,
    }
    if settings.threads is not None:
        config["threads"] = settings.threads
    con = duckdb.connect(str(file), config=config)
    # Sums and instants are of no zone; a session zone would shift every cast that mentions one.
    con.execute("set timezone = 'UTC'")
    return con


def open_memory() -> duckdb.DuckDBPyConnection:
    """A database in memory, with the writer's settings that bear on results."""
    con = duckdb.connect(":memory:", config=dict(_NO_EXTENSIONS))
    con.execute("set timezone = 'UTC'")
    return con


def attach(con: duckdb.DuckDBPyConnection, file: Path, catalog: str) -> None:
    """Attach `file` for writing as `catalog`."""
    con.execute(f"attach {literal(str(file))} as {quoted(catalog)}")


def is_busy(error: duckdb.Error) -> bool:
    """Whether a file could not be opened because another process holds it, rather than for being broken."""
    return isinstance(error, duckdb.IOException) and "Could not set lock" in str(error)


def is_damaged(error: duckdb.Error) -> bool:
    """Whether a file could not be opened because it is no DuckDB file, or a broken one."""
    said = ("not a valid DuckDB database", "Could not read enough bytes", "Corrupt database file")
    return isinstance(error, duckdb.SerializationException) or any(words in str(error) for words in said)


def confine(con: duckdb.DuckDBPyConnection, folders: list[Path]) -> None:
    """From here on the connection reaches files below `folders` only, whatever a file name or SQL may say."""
    allowed = ", ".join(literal(f"{folder.resolve()}/") for folder in folders)
    con.execute(f"set allowed_directories = [{allowed}]")
    con.execute("set enable_external_access = false")
