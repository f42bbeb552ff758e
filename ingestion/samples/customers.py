"""Who the customers are, how their tier moves, and when they leave."""

from dataclasses import dataclass
from datetime import date
from itertools import pairwise
from typing import Final

import numpy as np
import polars as pl

from ingestion.samples.draw import (
    DAY,
    HOUR,
    NEVER,
    Flags,
    Floats,
    Ints,
    between,
    chance,
    ids,
    known_by,
    later,
    only,
    pick,
    pick_by_row,
    texts,
    times,
)
from ingestion.samples.places import CITY_NAMES, REGION_NAMES, REGION_WEIGHTS, city_in
from ingestion.samples.rhythm import Span, seconds_of
from ingestion.samples.stories import VIP_CHURN_BEFORE, Stories

TIERS: Final = ("standard", "silver", "gold", "vip")
TIER_WORDS: Final = ("普通", "银卡", "金卡", "VIP")
VIP: Final = 3
TICKETS_PER_CUSTOMER: Final = 3
HISTORY_YEARS: Final = 3  # signed up at most this long before the two years
LINKED_SHARE: Final = 0.004
MIN_LINKED: Final = 3

_SEGMENTS: Final = ("家庭", "租房", "新居", "连锁门店", "酒店公寓", "写字楼")
_SEGMENT_WEIGHTS: Final = ((5, 2, 3, 0, 0, 0), (0, 0, 0, 4, 3, 3))
_FIRST_TIER: Final = ((66, 21, 9, 4), (40, 28, 20, 12))
_YEARLY_CHURN: Final = (0.185, 0.15, 0.11)  # standard, silver, gold
_MOVES_UP: Final = (0.020, 0.022, 0.018, 0.0)  # at each quarterly review
_MOVES_DOWN: Final = (0.0, 0.020, 0.022, 0.014)
_FADING_CHURN: Final = 1.8  # the downgraded leave sooner
_REVIEW_MONTHS: Final = (1, 4, 7, 10)
_SURNAMES: Final = tuple("赵钱孙李周吴郑王冯陈褚卫蒋沈韩杨朱秦尤许何吕施张")
_GIVEN: Final = ("样一", "样二", "例安", "例宁", "试明", "试远", "示和", "示言", "模清", "模然", "拟新", "拟川")
_FIRMS: Final = ("示例商贸", "样本酒店", "虚构餐饮", "模拟物业", "范例科技", "试用连锁", "假想教育", "拟真制造")


@dataclass
class Customers:
    """One element per customer, in order of signing up."""

    signup: Ints
    churned: Ints
    region: Ints
    is_business: Flags
    first_tier: Ints
    last_tier: Ints
    changed: Ints
    activity: Floats  # how often this customer calls, against others
    moves: pl.DataFrame  # customer, tier, at: every change of tier after signing up

    def __len__(self) -> int:
        return len(self.signup)

    def tier_at(self, customer: Ints, instants: Ints) -> Ints:
        """The tier of each (customer, instant)."""
        asked = pl.DataFrame({"customer": customer, "at": instants}).with_row_index("row").sort("at")
        known = self.moves.sort("at")
        found = asked.join_asof(known, on="at", by="customer", check_sortedness=False).sort("row")["tier"]
        return np.asarray(found.fill_null(-1).to_numpy(), dtype=np.int64)


def draw_customers(rng: np.random.Generator, span: Span, count: int, stories: Stories) -> Customers:
    """Sign customers up over the years before and during the span, then let time move and lose them."""
    earliest = span.start - HISTORY_YEARS * 365 * DAY
    signup_day = earliest + (span.horizon - 5 * DAY - earliest) * rng.random(count) ** 0.85
    signup = np.sort(signup_day.astype(np.int64) // DAY * DAY + between(rng, 8 * HOUR, 22 * HOUR, count))
    is_business = chance(rng, 0.14, count)
    first_tier = pick_by_row(rng, _FIRST_TIER, is_business.astype(np.int64))
    churned, last_tier, moves = _live(rng, span, signup, first_tier, stories)
    activity = rng.lognormal(0.0, 0.8, count) * np.where(is_business, 2.5, 1.0) * (1 + 0.15 * first_tier)
    opening = pl.DataFrame({"customer": np.arange(count, dtype=np.int64), "tier": first_tier, "at": signup})
    moves = pl.concat([opening, moves]).sort("customer", "at")
    changed = moves.group_by("customer").agg(pl.col("at").max()).sort("customer")["at"].to_numpy()
    region = pick(rng, REGION_WEIGHTS, count)
    return Customers(
        signup, churned, region, is_business, first_tier, last_tier,
        np.maximum(changed, churned), activity, moves,
    )  # fmt: skip


def _live(
    rng: np.random.Generator, span: Span, signup: Ints, tier: Ints, stories: Stories
) -> tuple[Ints, Ints, pl.DataFrame]:
    """Month by month: a review each quarter in the first days of the month, departures after the sixth."""
    tier = tier.copy()
    churned = np.full(len(signup), NEVER, dtype=np.int64)
    fading = np.zeros(len(signup), dtype=np.bool_)
    moves = [pl.DataFrame(schema={"customer": pl.Int64, "tier": pl.Int64, "at": pl.Int64})]
    for month, following in _months(span):
        start, length = seconds_of(month), (following - month).days * DAY
        active = np.flatnonzero((signup < start) & (churned == NEVER))
        if month.month in _REVIEW_MONTHS:
            draws = rng.random(len(active))
            up = draws < np.take(_MOVES_UP, tier[active])
            down = draws > 1 - np.take(_MOVES_DOWN, tier[active])
            moved = active[up | down]
            tier[active[up]] += 1
            tier[active[down]] -= 1
            fading[active] = (fading[active] & ~up) | down
            at = start + between(rng, 1 * DAY, 5 * DAY, len(moved)) // HOUR * HOUR
            moves.append(pl.DataFrame({"customer": moved, "tier": tier[moved], "at": at}))
        yearly = np.take((*_YEARLY_CHURN, _vip_churn(span, start, stories)), tier[active])
        yearly = np.minimum(yearly * np.where(fading[active] & (tier[active] != VIP), _FADING_CHURN, 1.0), 0.9)
        leaves = rng.random(len(active)) < 1 - (1 - yearly) ** (1 / 12)
        leaving = active[leaves]
        churned[leaving] = start + 6 * DAY + between(rng, 0, length - 6 * DAY, len(leaving))
    churned = known_by(span.horizon, churned)
    history = pl.concat(moves).filter(pl.col("at") <= span.horizon)
    return churned, tier, history


def _vip_churn(span: Span, at: int, stories: Stories) -> float:
    """Yearly VIP churn at an instant: up to its peak, then down."""
    if at < span.start:
        return VIP_CHURN_BEFORE
    share = float(span.share(np.array([at], dtype=np.int64))[0])
    shares, rates = zip(*stories.vip_churn, strict=True)
    return float(np.interp(share, shares, rates))


def _months(span: Span) -> list[tuple[date, date]]:
    first = (span.first.year - HISTORY_YEARS - 1) * 12
    last = span.last.year * 12 + span.last.month - 1
    starts = [date(number // 12, number % 12 + 1, 1) for number in range(first, last + 2)]
    return list(pairwise(starts))


def customer_frame(rng: np.random.Generator, span: Span, people: Customers) -> pl.DataFrame:
    """The customer master, as exported. Names, numbers and addresses are plainly invented."""
    count = len(people)
    number = np.arange(count, dtype=np.int64)
    person = texts(_SURNAMES, pick(rng, np.ones(len(_SURNAMES)), count)) + texts(
        _GIVEN, pick(rng, np.ones(len(_GIVEN)), count)
    )
    serial = pl.Series(number + 1).cast(pl.String)
    firm = texts(_FIRMS, pick(rng, np.ones(len(_FIRMS)), count)) + serial + "号"
    business = pl.Series(people.is_business)
    city = texts(CITY_NAMES, city_in(people.region, rng.random(count)))
    referrer = np.where(chance(rng, 0.12, count), (rng.random(count) * number).astype(np.int64), -1)
    referrer = np.where(number == 0, -1, referrer)
    birthday = seconds_of(date(1955, 1, 1)) + between(rng, 0, 50 * 365, count) * DAY
    managers = between(rng, 0, 40, count)
    return pl.DataFrame(
        {
            "客户编号": ids("C", number),
            "客户名称": firm.zip_with(business, person),
            "客户类型": texts(("个人", "企业"), people.is_business.astype(np.int64)),
            "客户等级": texts(TIER_WORDS, people.last_tier),
            "核心客户": pl.Series((people.last_tier == VIP) | (people.is_business & (people.activity > 6))),
            "客户细分": texts(_SEGMENTS, pick_by_row(rng, _SEGMENT_WEIGHTS, people.is_business.astype(np.int64))),
            "省份": texts(REGION_NAMES, people.region),
            "城市": city,
            "客户经理": ids("AM", np.where(people.is_business | (people.last_tier == VIP), managers, -1), 3),
            "注册时间": times(people.signup),
            "流失时间": times(people.churned),
            "生日": times(only(birthday, ~people.is_business)).str.slice(0, 10),
            "推荐人": ids("C", referrer),
            "手机号": "100" + serial.str.zfill(8),
            "邮箱": "c" + serial + "@example.com",
            "地址": city + "市示例路" + pl.Series(between(rng, 1, 999, count)).cast(pl.String) + "号",
            "更新时间": times(known_by(span.horizon, later(people.changed, 0))),
        }
    )


def tier_history_frame(people: Customers) -> pl.DataFrame:
    """One row per customer and tier held, as exported; the present tier has no end."""
    moves = people.moves.with_columns(until=pl.col("at").shift(-1).over("customer").fill_null(NEVER))
    customer, tier, at, until = (moves[name].to_numpy() for name in ("customer", "tier", "at", "until"))
    return pl.DataFrame(
        {
            "customer_id": ids("C", customer),
            "tier": texts(TIERS, tier),
            "region": texts(REGION_NAMES, people.region[customer]),
            "valid_from": times(at),
            "valid_to": times(until),
        }
    )


def link_frame(rng: np.random.Generator, people: Customers) -> pl.DataFrame:
    """A few customers known to be another one under an older number."""
    count = max(MIN_LINKED, round(len(people) * LINKED_SHARE))
    linked = np.sort(1 + rng.choice(len(people) - 1, size=count, replace=False))
    linked = linked[linked > count]
    # Masters are unlinked themselves, so that one step always reaches the final number.
    masters = np.setdiff1d(np.arange(len(people), dtype=np.int64), linked)
    place = (rng.random(len(linked)) * np.searchsorted(masters, linked)).astype(np.int64)
    return pl.DataFrame({"customer_id": ids("C", linked), "master_customer_id": ids("C", masters[place])})
