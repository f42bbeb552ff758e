"""What customers buy, and buy again; the appliances they own; free parts and replacements after repairs.

Orders and appliances reach back to each customer's signing up, so that a first order really is the first.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl

from ingestion.samples.catalogue import POPULARITY, PRODUCT_IDS, PRODUCTS
from ingestion.samples.customers import Customers
from ingestion.samples.draw import (
    DAY,
    HOUR,
    MINUTE,
    NEVER,
    Ints,
    between,
    chance,
    ids,
    later,
    only,
    pick,
    pick_by_row,
    texts,
    times,
)
from ingestion.samples.places import REGION_NAMES
from ingestion.samples.rhythm import Span

REPEAT_BUYERS: Final = (0.56, 0.62, 0.70, 0.80)  # by tier at signing up; the rest buy once
GAP_DAYS: Final = (330.0, 290.0, 240.0, 190.0)
CHANNELS: Final = ("app", "web", "wechat", "store", "phone")
KINDS: Final = ("销售", "保修换新", "免费配件", "内部领用")
STATUSES: Final = ("待付款", "已支付", "已取消", "已退款", "部分退款")
SALE, REPLACEMENT, FREE_PART, INTERNAL = range(4)
OPEN, PAID, CANCELLED, REFUNDED, PARTLY = range(5)
_CHANNEL_WEIGHTS: Final = (34, 22, 18, 22, 4)
_FEN: Final = np.array([product.yuan * 100 for product in PRODUCTS], dtype=np.int64)
_WARRANTY: Final = np.array([product.warranty_months for product in PRODUCTS], dtype=np.int64)


@dataclass
class Orders:
    """One element per sale, sorted by customer and time; the first of each customer is always paid."""

    customer: Ints
    ordered: Ints
    paid: Ints
    status: Ints
    kind: Ints
    product: Ints
    channel: Ints
    first_of: Ints  # customer -> index of the first order

    def __len__(self) -> int:
        return len(self.customer)


@dataclass
class Assets:
    """One appliance per paid order, sorted by customer; `first_of` and `count_of` find a customer's own."""

    order: Ints
    customer: Ints
    product: Ints
    sold: Ints
    first_of: Ints
    count_of: Ints

    def __len__(self) -> int:
        return len(self.order)


def draw_orders(rng: np.random.Generator, span: Span, people: Customers) -> Orders:
    """A first order at signing up, then repeat orders until the customer leaves or the export ends."""
    end = np.where(people.churned == NEVER, span.horizon, people.churned)
    customer = np.arange(len(people), dtype=np.int64)
    ordered = people.signup + between(rng, 5 * MINUTE, HOUR, len(people))
    rounds = [(customer, ordered)]
    goes_on = chance(rng, np.take(REPEAT_BUYERS, people.first_tier), len(people))
    customer, ordered = customer[goes_on], ordered[goes_on]
    while len(customer):
        gap = rng.exponential(np.take(GAP_DAYS, people.first_tier[customer])) * DAY
        day = (ordered + 2 * DAY + gap.astype(np.int64)) // DAY * DAY
        ordered = day + between(rng, 8 * HOUR, 23 * HOUR, len(customer))
        alive = ordered < end[customer] - HOUR
        customer, ordered = customer[alive], ordered[alive]
        rounds.append((customer, ordered))
    customer, ordered = (np.concatenate(part) for part in zip(*rounds, strict=True))
    order = np.lexsort((ordered, customer))
    return _complete(rng, span, customer[order], ordered[order])


def _complete(rng: np.random.Generator, span: Span, customer: Ints, ordered: Ints) -> Orders:
    count = len(customer)
    is_first = np.diff(customer, prepend=-1) > 0
    status = pick(rng, (0, 905, 45, 30, 20), count)
    status = np.where((status == CANCELLED) & (ordered > span.horizon - 3 * DAY), OPEN, status)
    status = np.where(is_first, PAID, status)
    kind = np.where(~is_first & chance(rng, 0.004, count), INTERNAL, SALE)
    paid = only(later(ordered, between(rng, 30, 40 * MINUTE, count)), (status != CANCELLED) & (status != OPEN))
    product, channel = pick(rng, POPULARITY, count), pick(rng, _CHANNEL_WEIGHTS, count)
    return Orders(customer, ordered, paid, status, kind, product, channel, np.flatnonzero(is_first))


def own_assets(rng: np.random.Generator, orders: Orders, customers: int) -> Assets:
    """The appliances behind the sales that stood."""
    sold = (orders.kind == SALE) & ((orders.status == PAID) | (orders.status == PARTLY))
    order = np.flatnonzero(sold)
    customer = orders.customer[order]
    count_of = np.bincount(customer, minlength=customers).astype(np.int64)
    sold_at = later(orders.paid[order], between(rng, HOUR, 20 * HOUR, len(order)))
    return Assets(order, customer, orders.product[order], sold_at, np.cumsum(count_of) - count_of, count_of)


def asset_frame(rng: np.random.Generator, span: Span, assets: Assets, alerting: Ints) -> pl.DataFrame:
    """Appliances, as exported. The end of a warranty may lie ahead.

    `alerting`: the orders that brought appliances known to have raised an alert: those are connected.
    """
    warranty = assets.sold + _WARRANTY[assets.product] * 30 * DAY
    frame = pl.DataFrame(
        {
            "asset_id": ids("A", assets.order),
            "customer_id": ids("C", assets.customer),
            "product_id": texts(PRODUCT_IDS, assets.product),
            "sold_at": times(assets.sold),
            "warranty_end_at": times(warranty),
            "is_connected": chance(rng, 0.35, len(assets)) | np.isin(assets.order, alerting),
        }
    )
    return frame.filter(pl.Series(assets.sold <= span.horizon))


def order_frames(
    rng: np.random.Generator, span: Span, people: Customers, orders: Orders, repaired: pl.DataFrame
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Orders and their lines, as exported.

    Args:
        repaired: customer, product, at: repairs after which something was sent free of charge.
    """
    free = _free_orders(rng, span, orders, repaired)
    lines = _lines(rng, people, orders, free)
    cents = np.add.reduceat(lines["fen"].to_numpy(), np.flatnonzero(lines["line_no"].to_numpy() == 1))
    every = _join(orders, free)
    count = len(every)
    touched = np.where(every.paid == NEVER, every.ordered, every.paid)
    returned = later(touched, between(rng, DAY, 12 * DAY, count))
    touched = np.where(every.status >= CANCELLED, np.minimum(returned, span.horizon), touched)
    frame = pl.DataFrame(
        {
            "订单编号": ids("SO", np.arange(count, dtype=np.int64)),
            "客户编号": ids("C", every.customer),
            "下单时间": times(every.ordered),
            "支付时间": times(every.paid),
            "订单金额": cents / 100,
            "币种": pl.Series(["CNY"]).new_from_index(0, count),
            "订单类型": texts(KINDS, every.kind),
            "订单状态": texts(STATUSES, every.status),
            "商品编号": texts(PRODUCT_IDS, every.product),
            "下单渠道": texts(CHANNELS, every.channel),
            "收货省份": texts(REGION_NAMES, people.region[every.customer]),
            "更新时间": times(touched),
        }
    )
    items = lines.select(
        ids("SO", lines["order"].to_numpy()).alias("order_id"),
        "line_no",
        texts(PRODUCT_IDS, lines["product"].to_numpy()).alias("product_id"),
        "quantity",
        (pl.col("fen") / 100).alias("amount"),
        (pl.col("off") / 100).alias("discount"),
    )
    return frame, items


def _free_orders(rng: np.random.Generator, span: Span, orders: Orders, repaired: pl.DataFrame) -> Orders:
    """Replacements and free parts sent after repairs: no sale, however much they look like one."""
    customer, product, at = (repaired[name].to_numpy() for name in ("customer", "product", "at"))
    ordered = later(at, between(rng, HOUR, 30 * HOUR, len(repaired)))
    keep = ordered <= span.horizon
    customer, product, ordered = customer[keep], product[keep], ordered[keep]
    kind = np.where(chance(rng, 0.2, len(customer)), REPLACEMENT, FREE_PART)
    channel = np.full(len(customer), CHANNELS.index("phone"))
    status = np.full(len(customer), PAID)
    return Orders(customer, ordered, ordered, status, kind, product, channel, orders.first_of)


def _join(orders: Orders, free: Orders) -> Orders:
    names = ("customer", "ordered", "paid", "status", "kind", "product", "channel")
    joined = {name: np.concatenate([getattr(orders, name), getattr(free, name)]) for name in names}
    return Orders(**joined, first_of=orders.first_of)


def _lines(rng: np.random.Generator, people: Customers, orders: Orders, free: Orders) -> pl.DataFrame:
    """One to three lines an order. Money in whole fen, so that the lines add up to the order exactly."""
    every = _join(orders, free)
    line_count = np.where(every.kind == SALE, 1 + pick(rng, (70, 22, 8), len(every)), 1)
    order = np.repeat(np.arange(len(every), dtype=np.int64), line_count)
    line_no = np.arange(len(order)) - np.repeat(np.cumsum(line_count) - line_count, line_count) + 1
    is_main = line_no == 1
    product = np.where(is_main, every.product[order], pick(rng, POPULARITY, len(order)))
    business = people.is_business[every.customer[order]].astype(np.int64)
    quantity = 1 + pick_by_row(rng, ((94, 5, 1, 0), (55, 20, 15, 10)), business)
    quantity = np.where(every.kind[order] == SALE, quantity, 1)
    # Further lines are accessories of that product, at a tenth of its price.
    gross = np.where(is_main, _FEN[product], _FEN[product] // 10) * quantity
    gross = np.where(every.kind[order] == SALE, gross, 0)
    off = np.where(chance(rng, 0.4, len(order)), (gross * rng.random(len(order)) * 0.12).astype(np.int64), 0)
    return pl.DataFrame(
        {"order": order, "line_no": line_no, "product": product, "quantity": quantity, "fen": gross - off, "off": off}
    )
