"""Sample exports to look at: a small set of files, and a full one under our own names and values."""

import gzip
from collections.abc import Callable
from datetime import date
from io import BytesIO
from pathlib import Path

import polars as pl
import pytest
from python_calamine import CalamineWorkbook

from ingestion.mapping import ExportFile, find_exports, load_sources
from ingestion.samples import write_samples
from ingestion.samples.draw import HOUR

UNTIL = date(2026, 6, 30)


def _rows(file: ExportFile) -> pl.DataFrame:
    """One export as text under its own headings; None where empty."""
    path, feed = file.path, load_sources()["sample"].feeds[file.feed]
    if path.suffix == ".parquet":
        return pl.read_parquet(path)
    if path.suffix == ".ndjson" and not path.stat().st_size:
        return pl.DataFrame(schema=dict.fromkeys(feed.headings, pl.String))
    if path.suffix == ".ndjson":
        return pl.read_ndjson(path, infer_schema_length=None)
    if path.suffix == ".xlsx":
        header, *records = CalamineWorkbook.from_path(path).get_sheet_by_name(feed.sheet).to_python()
        cells = [[None if cell == "" else cell for cell in record] for record in records]
        return pl.DataFrame(cells, schema=[(str(name), pl.String) for name in header], orient="row")
    content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    return pl.read_csv(BytesIO(content.decode(feed.encodings[0]).encode()), infer_schema=False)


def _load(directory: Path) -> dict[str, pl.DataFrame]:
    """Every export under our column names and values, through the shipped mapping, times as datetimes."""
    source = load_sources()["sample"]
    loaded = {}
    for file in find_exports(directory, {"sample": source})[0]:
        mapping = source.feeds[file.feed].datasets[0]
        frame = _rows(file)
        frame = frame.select(pl.col(column.headings[0]).alias(column.our_column) for column in mapping.columns)
        frame = frame.with_columns(pl.col(name).replace_strict(table) for name, table in mapping.values.items())
        instants = [name for name in frame.columns if name.endswith("_at") or name in ("valid_from", "valid_to")]
        # The staff list knows days only.
        pattern = "%Y-%m-%d" if file.feed == "staff" else "%Y-%m-%d %H:%M:%S"
        loaded[mapping.name] = frame.with_columns(pl.col(instants).cast(pl.String).str.to_datetime(pattern))
    return loaded


@pytest.fixture(scope="session")
def read_rows() -> Callable[[ExportFile], pl.DataFrame]:
    return _rows


@pytest.fixture(scope="session")
def load_exports() -> Callable[[Path], dict[str, pl.DataFrame]]:
    return _load


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("small")
    write_samples(directory, tickets=2_000, until=UNTIL)
    return directory


@pytest.fixture(scope="session")
def exports(tmp_path_factory: pytest.TempPathFactory) -> dict[str, pl.DataFrame]:
    directory = tmp_path_factory.mktemp("exports")
    write_samples(directory, until=UNTIL)
    return _load(directory)


@pytest.fixture(scope="session")
def worked(exports: dict[str, pl.DataFrame]) -> pl.DataFrame:
    """Tickets that were real work, with their response and resolution in hours."""
    tickets = exports["tickets"].filter(
        pl.col("merged_into").is_null(), pl.col("is_spam") == "false", pl.col("is_deleted") == "false"
    )
    return tickets.with_columns(
        response=(pl.col("first_response_at") - pl.col("created_at")).dt.total_seconds() / HOUR,
        resolution=(pl.col("resolved_at") - pl.col("created_at")).dt.total_seconds() / HOUR,
    )
