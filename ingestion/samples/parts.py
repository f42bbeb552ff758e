"""Spare parts, units replaced, and the alerts that connected appliances raise."""

from typing import Final

import numpy as np
import polars as pl

from ingestion.samples.catalogue import PRODUCT_IDS
from ingestion.samples.draw import (
    DAY,
    HOUR,
    MINUTE,
    NEVER,
    Ints,
    between,
    chance,
    ids,
    known_by,
    later,
    lognormal,
    only,
    pick,
    texts,
    times,
)
from ingestion.samples.orders import Assets
from ingestion.samples.rhythm import Span, arrivals
from ingestion.samples.tickets import BY_ALERT, BY_CUSTOMER, REPAIR, Tickets
from ingestion.samples.visits import FIXED, WAITING_PART, Visits

USES_PART: Final = 0.46  # of the visits that repaired
FROM_STOCK: Final = 0.94  # of those, taken from the van or the outlet
GENUINE: Final = 0.993
ALERT_KINDS: Final = ("断电告警", "温度异常", "漏水告警", "振动异常", "控制板故障", "通信中断")
ALERTED_BEFORE: Final = 0.16  # repairs reported by a customer of which the appliance had warned
ALERTS_WITHOUT_TICKET: Final = 1.4  # against alert tickets
_CHECKED_FALSE: Final = (45, 30, 25)  # alerts without ticket: false, right, never checked


def parts_frame(rng: np.random.Generator, span: Span, tickets: Tickets, visits: Visits) -> pl.DataFrame:
    """Parts asked for on visits, as exported: in stock, or ordered while the repair waits."""
    missing = visits.result == WAITING_PART
    used = missing | ((visits.result == FIXED) & chance(rng, USES_PART, len(visits.ticket)))
    rows = np.flatnonzero(used & (visits.arrived != NEVER) & (visits.arrived <= span.horizon))
    asked = later(visits.arrived[rows], between(rng, 5 * MINUTE, 15 * MINUTE, len(rows)))
    asked = np.minimum(asked, visits.finished[rows])
    waits = missing[rows]
    in_stock = ~waits & chance(rng, FROM_STOCK, len(rows))
    # Another outlet brings what the van lacks while the engineer works; what is ordered comes before the next visit.
    brought = later(asked, np.minimum(between(rng, 10 * MINUTE, 2 * HOUR, len(rows)), visits.finished[rows] - asked))
    ordered = later(asked, lognormal(rng, 2.6 * DAY, 0.5, len(rows)))
    ordered = np.where(_next_visit(visits)[rows] == NEVER, ordered, np.minimum(ordered, _next_visit(visits)[rows]))
    handed = later(asked, between(rng, 0, 3 * MINUTE, len(rows)))
    issued = np.where(waits, ordered, np.where(in_stock, np.minimum(handed, visits.finished[rows]), brought))
    known = asked <= span.horizon
    visit_id = ids("V", visits.ticket[rows]) + "-" + pl.Series(visits.number[rows]).cast(pl.String)
    part = texts(PRODUCT_IDS, tickets.product[visits.ticket[rows]]).str.replace("P-", "PT-") + "-F0"
    return pl.DataFrame(
        {
            "用件单号": ids("PU", np.arange(len(rows), dtype=np.int64)),
            "上门单号": visit_id,
            "工单编号": ids("T", visits.ticket[rows]),
            "配件编号": part + pl.Series(visits.fault[rows] + 1).cast(pl.String),
            "申领时间": times(asked),
            "发放时间": times(known_by(span.horizon, issued)),
            "现货": texts(("否", "是"), in_stock.astype(np.int64)),
            "原厂正品": texts(("否", "是"), chance(rng, GENUINE, len(rows)).astype(np.int64)),
        }
    ).filter(pl.Series(known))


def _next_visit(visits: Visits) -> Ints:
    """When the next engineer of the same ticket set out; NEVER after the last visit."""
    following = np.full(len(visits.ticket), NEVER, dtype=np.int64)
    again = visits.ticket[1:] == visits.ticket[:-1]
    following[:-1][again] = visits.dispatched[1:][again]
    return following


def replacement_frame(
    rng: np.random.Generator, span: Span, tickets: Tickets, visits: Visits, orders: pl.DataFrame
) -> pl.DataFrame:
    """Units replaced, as exported: what the shop sent under warranty, with the repair that led to it."""
    fixed = np.flatnonzero((visits.result == FIXED) & (tickets.asset[visits.ticket] >= 0))
    repairs = pl.DataFrame(
        {
            "客户编号": ids("C", tickets.customer[visits.ticket[fixed]]),
            "商品编号": texts(PRODUCT_IDS, tickets.product[visits.ticket[fixed]]),
            "at": times(visits.finished[fixed]),
            "ticket_id": ids("T", visits.ticket[fixed]),
            "asset_id": ids("A", tickets.asset[visits.ticket[fixed]]),
        }
    )
    sent = orders.filter(pl.col("订单类型") == "保修换新").select("客户编号", "商品编号", "下单时间")
    # Sent some hours after the visit: of several repairs the last before it.
    found = sent.join(repairs, on=["客户编号", "商品编号"]).filter(pl.col("at") <= pl.col("下单时间"))
    found = found.sort("下单时间", "at", "ticket_id").unique(
        ["客户编号", "商品编号", "下单时间"], keep="last", maintain_order=True
    )
    approved = found["下单时间"].str.to_datetime("%Y-%m-%d %H:%M:%S").dt.epoch("s").to_numpy()
    delivered = known_by(span.horizon, later(approved, lognormal(rng, 3.2 * DAY, 0.5, len(found))))
    return pl.DataFrame(
        {
            "replacement_id": ids("RP", np.arange(len(found), dtype=np.int64), 5),
            "asset_id": found["asset_id"],
            "ticket_id": found["ticket_id"],
            "approved_at": times(approved),
            "delivered_at": times(delivered),
        }
    )


def alert_frame(
    rng: np.random.Generator, span: Span, tickets: Tickets, assets: Assets, connected: pl.Series
) -> pl.DataFrame:
    """Alerts as exported: those that opened a ticket, those that came before a customer's, and those of no account.

    `connected`: ids of the appliances that can raise any.
    """
    has_asset = (tickets.kind == REPAIR) & (tickets.asset >= 0) & tickets.is_worked
    opened = np.flatnonzero(has_asset & (tickets.opened_by == BY_ALERT))
    told = np.flatnonzero(has_asset & (tickets.opened_by == BY_CUSTOMER))
    told = told[
        ids("A", tickets.asset[told]).is_in(connected.implode()).to_numpy() & chance(rng, ALERTED_BEFORE, len(told))
    ]
    stray_count = round(len(opened) * ALERTS_WITHOUT_TICKET)
    owned = np.flatnonzero(ids("A", assets.order).is_in(connected.implode()).to_numpy() & (assets.sold <= span.start))
    stray = owned[between(rng, 0, len(owned), stray_count)] if len(owned) else owned
    raised = np.concatenate(
        [
            tickets.created[opened] - between(rng, 20, 25 * MINUTE, len(opened)),
            tickets.created[told] - between(rng, HOUR, 60 * HOUR, len(told)),
            arrivals(rng, span, len(stray)),
        ]
    )
    # Nothing is asked of an appliance before it was sold.
    asset = np.concatenate([tickets.asset[opened], tickets.asset[told], assets.order[stray]])
    sold_of = np.zeros(int(assets.order.max()) + 1, dtype=np.int64)
    sold_of[assets.order] = assets.sold
    raised = np.maximum(raised, sold_of[asset] + MINUTE)
    right = np.full(len(opened) + len(told), 1, dtype=np.int64)
    checked = np.concatenate([right, np.take((0, 1, -1), pick(rng, _CHECKED_FALSE, len(stray)))])
    kind = np.concatenate([tickets.category[opened], tickets.category[told], between(rng, 0, 6, len(stray))]) % 6
    ticket = np.concatenate([opened, np.full(len(told) + len(stray), -1, dtype=np.int64)])
    order = np.argsort(raised, kind="stable")
    return pl.DataFrame(
        {
            "alert_id": ids("IA", np.arange(len(order), dtype=np.int64)),
            "asset_id": ids("A", asset[order]),
            "raised_at": times(raised[order]),
            "kind": texts(ALERT_KINDS, kind[order]),
            "is_false": pl.Series(only(checked[order] ^ 1, checked[order] >= 0)).replace(-1, None).cast(pl.Boolean),
            "ticket_id": ids("T", ticket[order]),
        }
    )
