"""Draw everything once, in the order things depend on each other, and write one file per feed."""

import gzip
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time
from pathlib import Path
from typing import Final

import polars as pl
import pyarrow.parquet as pq
import xlsxwriter

from ingestion.samples.catalogue import products
from ingestion.samples.complaints import Complaints, complaint_frame, draw_complaints
from ingestion.samples.customers import (
    TICKETS_PER_CUSTOMER,
    Customers,
    customer_frame,
    draw_customers,
    link_frame,
    tier_history_frame,
)
from ingestion.samples.draw import subject_rng
from ingestion.samples.events import event_blocks
from ingestion.samples.handling import Handling, first_answers, handle
from ingestion.samples.orders import Assets, Orders, asset_frame, draw_orders, order_frames, own_assets
from ingestion.samples.places import outlets
from ingestion.samples.rhythm import Span, office_hours, service_hours, span_ending
from ingestion.samples.surveys import survey_frames
from ingestion.samples.tickets import Tickets, draw_tickets
from ingestion.samples.visits import Visits, draw_visits, repaired_free, visit_frame

SOURCE: Final = "sample"
DEFAULT_TICKETS: Final = 60_000
DEFAULT_SEED: Final = 20_240_601
MIN_CUSTOMERS: Final = 60
_GZIP_LEVEL: Final = 6


@dataclass
class _World:
    """All that happened, before any of it is exported."""

    span: Span
    people: Customers
    orders: Orders
    assets: Assets
    tickets: Tickets
    visits: Visits
    complaints: Complaints
    life: Handling


def write_samples(directory: Path, *, tickets: int = DEFAULT_TICKETS, seed: int = DEFAULT_SEED, until: date) -> None:
    """Write two years of sample exports into DIRECTORY/sample, one file `<feed>-<until>.<ext>` per feed.

    Equal arguments give equal files. About a third as many customers as tickets, and three quarters as many orders.

    Args:
        directory: the exports directory; made if absent. Files of the same name are replaced.
        tickets: how many tickets to write.
        seed: of every random draw.
        until: last local day of the export; nothing in it happened later.
    """
    folder = directory / SOURCE
    folder.mkdir(parents=True, exist_ok=True)
    world = _draw(tickets, seed, span_ending(until))
    out = _Out(folder, until)
    _write_masters(out, seed, world)
    _write_sales(out, seed, world)
    _write_service(out, seed, world)


def _draw(tickets: int, seed: int, span: Span) -> _World:
    people = draw_customers(subject_rng(seed, "customers"), span, max(MIN_CUSTOMERS, tickets // TICKETS_PER_CUSTOMER))
    orders = draw_orders(subject_rng(seed, "orders"), span, people)
    assets = own_assets(subject_rng(seed, "assets"), orders, len(people))
    asked_for = draw_tickets(subject_rng(seed, "tickets"), span, people, assets, tickets)
    office, service = office_hours(span), service_hours(span)
    beginning = first_answers(subject_rng(seed, "answers"), span, office, service, asked_for)
    visits = draw_visits(subject_rng(seed, "visits"), service, asked_for, beginning.answered)
    complaints = draw_complaints(subject_rng(seed, "complaints"), service, asked_for, beginning.answered)
    life = handle(subject_rng(seed, "handling"), office, asked_for, beginning, visits, complaints)
    return _World(span, people, orders, assets, asked_for, visits, complaints, life)


def _write_masters(out: "_Out", seed: int, world: _World) -> None:
    rng = subject_rng(seed, "masters")
    out.csv("customers", customer_frame(rng, world.span, world.people))
    out.csv("customer_tier_history", tier_history_frame(world.people))
    out.csv("customer_links", link_frame(rng, world.people))
    out.csv("products", products())
    out.csv("outlets", outlets())
    out.csv("assets", asset_frame(rng, world.span, world.assets))


def _write_sales(out: "_Out", seed: int, world: _World) -> None:
    rng = subject_rng(seed, "sales")
    free = repaired_free(rng, world.tickets, world.visits)
    orders, items = order_frames(rng, world.span, world.people, world.orders, free)
    out.csv("orders", orders)
    out.csv_gz("order_items", items)


def _write_service(out: "_Out", seed: int, world: _World) -> None:
    blocks = event_blocks(subject_rng(seed, "events"), world.span, world.tickets, world.life)
    out.csv("tickets", pl.concat(out.parquet_beside("ticket_events", blocks)))
    out.csv("visits", visit_frame(world.span, world.visits), encoding="gb18030")
    rng = subject_rng(seed, "complaint texts")
    out.xlsx("complaints", complaint_frame(rng, world.span, world.tickets, world.complaints), sheet="投诉")
    surveys, answers = survey_frames(
        subject_rng(seed, "surveys"), world.span, world.people, world.tickets, world.life, world.visits
    )
    out.ndjson("surveys", surveys)
    out.csv("survey_answers", answers)


class _Out:
    """Writes frames as the files a company would export."""

    def __init__(self, folder: Path, until: date) -> None:
        self._folder = folder
        self._until = until

    def csv(self, feed: str, frame: pl.DataFrame, encoding: str = "utf-8") -> None:
        text = frame.write_csv(float_precision=2)
        self._path(feed, "csv").write_bytes(text.encode(encoding))

    def csv_gz(self, feed: str, frame: pl.DataFrame) -> None:
        # Without a time stamp inside, equal rows give equal bytes.
        packed = gzip.compress(frame.write_csv(float_precision=2).encode(), compresslevel=_GZIP_LEVEL, mtime=0)
        self._path(feed, "csv.gz").write_bytes(packed)

    def ndjson(self, feed: str, frame: pl.DataFrame) -> None:
        frame.write_ndjson(self._path(feed, "ndjson"))

    def xlsx(self, feed: str, frame: pl.DataFrame, sheet: str) -> None:
        with xlsxwriter.Workbook(self._path(feed, "xlsx")) as book:
            # Not the present time: equal rows are to give equal bytes.
            book.set_properties({"created": datetime.combine(self._until, time.min)})
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
