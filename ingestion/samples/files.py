"""Frames written as the files a company would export."""

import gzip
from collections.abc import Iterable, Iterator, Mapping
from datetime import date, datetime, time
from pathlib import Path
from typing import Final

import polars as pl
import pyarrow.parquet as pq
import xlsxwriter

_GZIP_LEVEL: Final = 6
_SLICE: Final = 50_000
"""Rows turned to text at a time, so that memory stays flat at millions."""


class Out:
    """Writes frames as the files a company would export."""

    def __init__(self, folder: Path, until: date) -> None:
        self._folder = folder
        self._until = until

    def csv(self, feed: str, frames: pl.DataFrame | Iterable[pl.DataFrame], encoding: str = "utf-8") -> None:
        with self._path(feed, "csv").open("wb") as file:
            for text in _texts(frames):
                file.write(text.encode(encoding))

    def csv_gz(self, feed: str, frame: pl.DataFrame) -> None:
        # Without name and time inside, equal rows give equal bytes.
        with (
            self._path(feed, "csv.gz").open("wb") as file,
            gzip.GzipFile("", "wb", _GZIP_LEVEL, file, mtime=0) as packed,
        ):
            for text in _texts(frame):
                packed.write(text.encode())

    def ndjson(self, feed: str, frame: pl.DataFrame) -> None:
        frame.write_ndjson(self._path(feed, "ndjson"))

    def xlsx(self, feed: str, sheets: Mapping[str, pl.DataFrame]) -> None:
        with xlsxwriter.Workbook(self._path(feed, "xlsx")) as book:
            # Not the present time: equal rows are to give equal bytes.
            book.set_properties({"created": datetime.combine(self._until, time.min)})
            for sheet, frame in sheets.items():
                page = book.add_worksheet(sheet)
                for column, series in enumerate(frame.iter_columns()):
                    page.write_column(0, column, [series.name, *series.to_list()])

    def parquet_beside(
        self, feed: str, blocks: Iterator[tuple[pl.DataFrame, pl.DataFrame]]
    ) -> Iterator[pl.DataFrame]:
        """Write the first frame of every block; hand on the second."""
        writer = None
        for frame, other in blocks:
            table = frame.to_arrow(compat_level=pl.CompatLevel.oldest())
            writer = writer or pq.ParquetWriter(self._path(feed, "parquet"), table.schema, compression="zstd")
            writer.write_table(table)
            yield other
        if writer:
            writer.close()

    def _path(self, feed: str, extension: str) -> Path:
        return self._folder / f"{feed}-{self._until.isoformat()}.{extension}"


def _texts(frames: pl.DataFrame | Iterable[pl.DataFrame]) -> Iterator[str]:
    """The rows of all frames as lines, the headings once."""
    is_first = True
    for frame in [frames] if isinstance(frames, pl.DataFrame) else frames:
        for rows in frame.iter_slices(_SLICE) if len(frame) else [frame]:
            yield rows.write_csv(float_precision=2, include_header=is_first)
            is_first = False
