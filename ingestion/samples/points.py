"""The points of members: earned by buying, answering surveys and bringing friends; redeemed, expired, adjusted."""

from typing import Final

import numpy as np
import polars as pl

from ingestion.samples.customers import Customers
from ingestion.samples.draw import DAY, HOUR, Flags, Ints, between, chance, ids, texts, times
from ingestion.samples.rhythm import Span

REASONS: Final = ("purchase", "survey", "referral", "redeem", "expire", "adjust")
PURCHASE, SURVEY, REFERRAL, REDEEM, EXPIRE, ADJUST = range(6)
MEMBERS: Final = 0.72  # of all customers
PER_SURVEY: Final = 20
PER_FRIEND: Final = 500
YUAN_PER_POINT: Final = 10
_REDEEMED: Final = 0.34  # of the entries that brought points
_EXPIRES_AFTER: Final = 540 * DAY
_ADJUSTED: Final = 0.004
_FORMAT: Final = "%Y-%m-%d %H:%M:%S"


def points_frame(
    rng: np.random.Generator,
    span: Span,
    people: Customers,
    master: pl.DataFrame,
    orders: pl.DataFrame,
    surveys: pl.DataFrame,
) -> pl.DataFrame:
    """Every change of points since the span began, as exported. No balance is ever below zero."""
    member = chance(rng, MEMBERS, len(people))
    customer, at, points, reason = _earned(span, people, member, master, orders, surveys)
    count = len(customer)
    # What is redeemed or expires is part of one earning, so that nobody spends what they have not got.
    redeemed = np.where(chance(rng, _REDEEMED, count), (points * (0.3 + 0.7 * rng.random(count))).astype(np.int64), 0)
    redeemed_at = at + between(rng, 5, 200, count) * DAY // 2
    expired, expired_at = points - redeemed, at // DAY * DAY + _EXPIRES_AFTER
    adjusted = chance(rng, _ADJUSTED, count)
    parts = (
        (customer, at, points, reason),
        (customer, redeemed_at, -redeemed, np.full(count, REDEEM)),
        (customer, expired_at, -expired, np.full(count, EXPIRE)),
        (
            customer[adjusted],
            at[adjusted] + 2 * HOUR,
            np.full(int(adjusted.sum()), 50),
            np.full(int(adjusted.sum()), ADJUST),
        ),
    )
    customer, at, points, reason = (np.concatenate(column) for column in zip(*parts, strict=True))
    known = np.flatnonzero((at <= span.horizon) & (points != 0))
    order = known[np.lexsort((customer[known], at[known]))]
    return pl.DataFrame(
        {
            "entry_id": ids("PL", np.arange(len(order), dtype=np.int64), 8),
            "customer_id": ids("C", customer[order]),
            "occurred_at": times(at[order]),
            "reason": texts(REASONS, reason[order]),
            "points": points[order],
        }
    )


def _earned(
    span: Span,
    people: Customers,
    member: Flags,
    master: pl.DataFrame,
    orders: pl.DataFrame,
    surveys: pl.DataFrame,
) -> tuple[Ints, Ints, Ints, Ints]:
    """Customer, instant, points and reason of every earning."""
    paid = orders.filter(
        pl.col("订单类型") == "销售", pl.col("订单状态") == "已支付", pl.col("支付时间").is_not_null()
    )
    answered = surveys.filter(pl.col("responded_at").is_not_null())
    friends = master.filter(pl.col("推荐人").is_not_null())
    worth = (paid["订单金额"] / YUAN_PER_POINT).floor().cast(pl.Int64).to_numpy()
    parts = [
        (_codes(paid["客户编号"]), _instants(paid["支付时间"]), worth, PURCHASE),
        (
            _codes(answered["customer_id"]),
            _instants(answered["responded_at"]),
            np.full(len(answered), PER_SURVEY),
            SURVEY,
        ),
        (_codes(friends["推荐人"]), _instants(friends["注册时间"]), np.full(len(friends), PER_FRIEND), REFERRAL),
    ]
    customer, at, points = (np.concatenate([part[place] for part in parts]) for place in range(3))
    reason = np.repeat([part[3] for part in parts], [len(part[0]) for part in parts])
    keep = member[customer] & (at >= span.start) & (points > 0)
    return customer[keep], at[keep], points[keep], reason[keep]


def _codes(customer_ids: pl.Series) -> Ints:
    return np.asarray(customer_ids.str.slice(1).cast(pl.Int64).to_numpy() - 1, dtype=np.int64)


def _instants(values: pl.Series) -> Ints:
    return np.asarray(values.str.to_datetime(_FORMAT).dt.epoch("s").to_numpy(), dtype=np.int64)
