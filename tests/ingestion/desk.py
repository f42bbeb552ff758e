"""A shop whose nights report four KPIs, small enough to work out by hand what each of them says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from dashboard.metrics import restated as restatements
from dashboard.metrics.access import Scope
from dashboard.metrics.query import open_snapshot
from ingestion import pipeline
from ingestion.warehouse import kpis

if TYPE_CHECKING:
    from datetime import datetime

    import polars as pl

    from tests.ingestion.conftest import Shop

MAPPING = (
    "their_heading,our_column,required\nid,ticket_id,yes\ncustomer,customer_id,\ncreated,created_at,yes\n"
    "=open,status,\nsolved,resolved_at,\nscore,csat_score,\nchannel,channel,\nchanged,updated_at,\n"
)
STAGING = """-- Tickets, newest version.
-- grain: ticket_key
select source || ':' || ticket_id as ticket_key, source, ticket_id, created_at, csat_score, channel, '' as subject,
    case when resolved_at <= run.as_of then resolved_at end as resolved_at
from raw.tickets cross join raw.run as run
where created_at <= run.as_of
qualify row_number() over (partition by source, ticket_id order by version_key desc, load_seq desc) = 1
"""
# A ticket counts once it is two days old; the clock of the open ones runs to as_of.
FACT = """-- One row per ticket.
-- grain: ticket_key
select ticket_key, cast(tickets.created_at as date) as created_date, tickets.created_at, resolved_at,
    cast(csat_score as decimal(18, 4)) as score, coalesce(channel, 'unknown') as channel,
    true as is_counted, resolved_at is not null as is_resolved,
    tickets.created_at + interval 2 day <= run.as_of as is_matured,
    tickets.created_at + interval 2 day > run.as_of as is_maturing,
    coalesce(resolved_at <= tickets.created_at + interval 2 day, false) as is_solved_in_time,
    date_diff('second', tickets.created_at, coalesce(resolved_at, run.as_of)) as open_seconds,
    'unknown' as region, '华东' as area, 'vip' as tier, true as is_vip, 'unknown' as customer_type,
    'unknown' as product, 'unknown' as product_group, source
from staging.stg_tickets as tickets cross join raw.run as run
"""
ENTRY = """
[{id}]
label = {{ zh = "数", en = "number" }}
meaning = {{ zh = "数", en = "number" }}
formula = {{ zh = "数", en = "number" }}
differs = {{ zh = "数", en = "number" }}
layer = "volume"
page = "overview"
owner = "service-operations"
document = "ours"
quote = "test"
better = "neutral"
rows = "core.fct_tickets"
time = "created_date"
datasets = ["tickets"]
minimum_n = 1
{fields}
"""
ENTRIES = {
    "tickets": 'kind = "count"\nunit = "count"\ndenominator = "is_counted"\nnumerator = "is_counted"',
    "in_time": 'kind = "ratio"\nunit = "ratio"\ndenominator = "is_matured"\nnumerator = "is_solved_in_time"\n'
    'pending = "is_maturing"',
    "score": 'kind = "mean"\nunit = "score"\ndenominator = "score is not null"\nnumerator = "score"',
    "time_to_solve": 'kind = "km_time"\nquantile = 0.5\nunit = "seconds"\ndenominator = "is_counted"\n'
    'numerator = "is_resolved"\nduration = "open_seconds"\nevent = "is_resolved"',
}
NO_CHAT = ENTRIES["in_time"].replace('"is_matured"', "\"is_matured and channel <> 'chat'\"")


@dataclass
class Desk:
    """A shop whose nights report four KPIs."""

    shop: Shop

    def define(self, **entries: str) -> None:
        """Write the entries of sql/kpis; those given stand for the usual ones."""
        folder = self.shop.sql / "kpis"
        folder.mkdir(exist_ok=True)
        texts = (ENTRY.format(id=name, fields=fields) for name, fields in {**ENTRIES, **entries}.items())
        (folder / "1_all.toml").write_text("".join(texts), encoding="utf-8")
        kpis.load_kpis.cache_clear()

    def export(self, name: str, *rows: str) -> None:
        """One export; a row is `id created solved score channel`, `-` for nothing, times as 05-31T12:00 of 2025."""
        lines = []
        for row in rows:
            cells = row.split()
            cells += ["-", "-", "phone"][len(cells) - 2 :]
            ticket, created, solved, score, channel = ("" if cell == "-" else cell for cell in cells)
            created, solved = (f"2025-{at.replace('T', ' ')}:00" if at else "" for at in (created, solved))
            lines.append(f"T-{ticket},C001,{created},{solved},{score},{channel},2025-06-{name[:2]} 00:00:00\n")
        file = self.shop.exports / "shop" / f"tickets-{name}.csv"
        file.write_text(f"id,customer,created,solved,score,channel,changed\n{''.join(lines)}", encoding="utf-8")

    def night(self, as_of: datetime, expected: str = "published") -> str:
        settings = self.shop.settings(business_timezone="UTC")
        outcome = pipeline.run(self.shop.exports, settings, as_of=as_of)
        assert outcome.verdict == expected, outcome.findings
        return outcome.run_id

    def moves(self, kpi: str, period: str = "2025-05-01", slice_value: str = "") -> dict[str, float]:
        """The moves of one cell in the last night."""
        rows = self.shop.asked(
            f"""select cause, move from meta.restatements where kpi = '{kpi}' and period = date '{period}'
            and slice_value = '{slice_value}' and run_id = (select run_id from meta.run)"""
        )
        return {str(cause): float(str(move)) for cause, move in rows}

    def reported(self, run_id: str) -> dict[tuple[object, ...], tuple[object, ...]]:
        """What a night reported: cell -> value, numerator, denominator, n, state."""
        rows = self.shop.ledger(
            f"""select kpi, slice_dimension, slice_value, period, value, numerator, denominator, n, state
            from meta.reported where run_id <= '{run_id}'
            qualify row_number() over (partition by kpi, slice_dimension, slice_value, period
                order by run_id desc) = 1"""
        )
        return {row[:4]: row[4:] for row in rows}

    def restated(self, kpi: str) -> pl.DataFrame:
        snapshot = open_snapshot(self.shop.home)
        assert snapshot is not None
        return restatements.restated(snapshot, Scope.everything(), kpis.load_kpis(self.shop.sql / "kpis")[kpi])


def desk_of(shop: Shop) -> Desk:
    for folder, files in (("staging", {"stg_tickets": STAGING}), ("core", {"fct_tickets": FACT})):
        for name, text in files.items():
            (shop.sql / folder / f"{name}.sql").write_text(text, encoding="utf-8")
    mappings = shop.home / "mappings" / "shop"
    (mappings / "tickets.csv").write_text(MAPPING, encoding="utf-8")
    source = (mappings / "source.toml").read_text(encoding="utf-8")
    (mappings / "source.toml").write_text(source.replace("Asia/Shanghai", "UTC"), encoding="utf-8")
    for file in (shop.exports / "shop").glob("tickets-*"):
        file.unlink()
    desk = Desk(shop)
    desk.define()
    return desk
