"""How customers are looked after: visits, interviews, care, coupons, inspections, follow-ups, training."""

from dataclasses import dataclass
from datetime import date
from typing import Final

import numpy as np
import polars as pl

from ingestion.samples.crew import ACCOUNT_MANAGER, ACCOUNT_MANAGERS, AGENT, Crew, staff_ids
from ingestion.samples.customers import VIP, Customers
from ingestion.samples.draw import (
    DAY,
    HOUR,
    NEVER,
    Flags,
    Ints,
    between,
    chance,
    ids,
    known_by,
    later,
    lognormal,
    only,
    texts,
    times,
)
from ingestion.samples.rhythm import Span, quarter_starts, seconds_of
from ingestion.samples.tickets import AGENTS_PER_TEAM, TEAMS, Tickets
from ingestion.samples.visits import Visits

KINDS: Final = ("拜访", "访谈", "电话", "关怀", "发券", "巡检", "回访", "客户培训", "社区活动")
VISIT, INTERVIEW, CALL, CARE, COUPON, INSPECTION, FOLLOWUP, TRAINING, COMMUNITY = range(9)
VISITED: Final = 0.91  # of the visits due to VIPs, one each half-year
INTERVIEWED: Final = 0.68  # of the interviews due to core customers, one a year
CALLED: Final = 0.8  # of the calls due to customers with an account manager, one each half-year
GREETED: Final = 0.8  # of private customers, on their birthday
COUPONS: Final = 0.75  # of those greeted: the others show what happens without
COUPONS_USED: Final = 0.24
INSPECTED: Final = 0.9  # of the inspections due to companies, one a quarter
FOLLOWED: Final = 0.86  # of the calls due after accepted repairs
INTERESTED: Final = 0.16  # of all customers, in training and community events, one each a quarter
TRAINED: Final = 0.5  # of the trainings they signed up for
GATHERED: Final = 0.35  # of the community events
_FOLLOWUP_TEAM: Final = TEAMS.index("回访组")
_IN_PERSON: Final = (0.96, 0.45, 0.0, 0.0, 0.0, 1.0, 0.0, 0.3, 0.8)  # by kind


@dataclass
class _Contacts:
    """Contacts of one kind, one element each. NEVER: nothing was planned, or it has not happened."""

    kind: int
    customer: Ints
    due: Ints
    occurred: Ints


def interaction_frame(
    rng: np.random.Generator,
    span: Span,
    people: Customers,
    master: pl.DataFrame,
    tickets: Tickets,
    visits: Visits,
    crew: Crew,
) -> pl.DataFrame:
    """Planned and held contacts, as exported; `master` is the customer master, in the order of `people`."""
    parts = _contacts(rng, span, people, master, tickets, visits)
    customer, due, occurred = (
        np.concatenate([getattr(part, name) for part in parts]) for name in ("customer", "due", "occurred")
    )
    kind = np.repeat([part.kind for part in parts], [len(part.customer) for part in parts])
    count = len(kind)
    at = np.where(due == NEVER, occurred, due)
    order = np.argsort(at, kind="stable")
    kind, customer, due, occurred, at = kind[order], customer[order], due[order], occurred[order], at[order]
    occurred = known_by(span.horizon, occurred)
    used = later(occurred, lognormal(rng, 9 * DAY, 0.7, count))
    used = only(known_by(span.horizon, used), (kind == COUPON) & chance(rng, COUPONS_USED, count))
    in_person = chance(rng, np.take(_IN_PERSON, kind), count)
    return pl.DataFrame(
        {
            "互动编号": ids("IN", np.arange(count, dtype=np.int64)),
            "客户编号": ids("C", customer),
            "互动类型": texts(KINDS, kind),
            "计划时间": times(due),
            "实际时间": times(occurred),
            "面对面": texts(("否", "是"), np.where(occurred == NEVER, -1, in_person)),
            "负责人": _responsible(master, crew, kind, customer, at),
            "优惠券编号": ids("CPN", only(np.arange(count, dtype=np.int64), kind == COUPON)),
            "用券时间": times(used),
        }
    )


def _contacts(
    rng: np.random.Generator, span: Span, people: Customers, master: pl.DataFrame, tickets: Tickets, visits: Visits
) -> list[_Contacts]:
    quarters = quarter_starts(span)
    halves, years = quarters[::2] + 150 * DAY, quarters[1::4] + 240 * DAY
    everyone = np.ones(len(people), dtype=np.bool_)
    managed = master["客户经理"].is_not_null().to_numpy()
    visited = _planned(rng, span, people, VISIT, everyone, halves, VISITED)
    was_vip = people.tier_at(visited.customer, visited.due) == VIP
    greeted, coupons = _birthdays(rng, span, people, master)
    interested = chance(rng, INTERESTED, len(people))
    return [
        _Contacts(VISIT, visited.customer[was_vip], visited.due[was_vip], visited.occurred[was_vip]),
        _planned(rng, span, people, INTERVIEW, master["核心客户"].to_numpy(), years, INTERVIEWED),
        _planned(rng, span, people, CALL, managed, halves - 60 * DAY, CALLED),
        _planned(rng, span, people, INSPECTION, people.is_business, quarters + 75 * DAY, INSPECTED),
        _after_repairs(rng, span, tickets, visits),
        greeted,
        coupons,
        _planned(rng, span, people, TRAINING, interested, quarters + 40 * DAY, TRAINED),
        _planned(rng, span, people, COMMUNITY, interested, quarters + 60 * DAY, GATHERED),
    ]


def _planned(
    rng: np.random.Generator, span: Span, people: Customers, kind: int, who: Flags, days: Ints, share: float
) -> _Contacts:
    """Due to each of them on each day while they are customers: mostly done in the weeks before, some late."""
    rows = np.flatnonzero(who)
    customer, day = np.repeat(rows, len(days)), np.tile(days, len(rows))
    count = len(customer)
    due = day + between(rng, 0, 20, count) * DAY + 18 * HOUR
    early, late = between(rng, 0, 25 * DAY, count), between(rng, 0, 20 * DAY, count)
    held = np.where(chance(rng, 0.88, count), due - early, due + late)
    held = held // DAY * DAY + between(rng, 9 * HOUR, 18 * HOUR, count)
    done = chance(rng, share, count)
    is_customer = (people.signup[customer] + 60 * DAY < due) & _stays(people, customer, np.maximum(due, held))
    keep = is_customer & (due <= span.horizon + 30 * DAY)
    return _Contacts(kind, customer[keep], due[keep], only(held, done)[keep])


def _stays(people: Customers, customer: Ints, at: Ints) -> Flags:
    left = people.churned[customer]
    return np.asarray((left == NEVER) | (left > at), dtype=np.bool_)


def _after_repairs(rng: np.random.Generator, span: Span, tickets: Tickets, visits: Visits) -> _Contacts:
    """A call is due three days after a repair was accepted."""
    rows = np.flatnonzero((visits.accepted != NEVER) & (visits.accepted <= span.horizon))
    rows = rows[tickets.customer[visits.ticket[rows]] >= 0]
    due = visits.accepted[rows] + 3 * DAY
    called = later(visits.accepted[rows], lognormal(rng, 26 * HOUR, 0.6, len(rows)))
    return _Contacts(
        FOLLOWUP, tickets.customer[visits.ticket[rows]], due, only(called, chance(rng, FOLLOWED, len(rows)))
    )


def _birthdays(
    rng: np.random.Generator, span: Span, people: Customers, master: pl.DataFrame
) -> tuple[_Contacts, _Contacts]:
    """Greetings on the birthday, and a coupon with most of them."""
    born = master["生日"].str.to_date("%Y-%m-%d")
    # The 29th of February is kept on the 28th.
    month, day = (part.fill_null(1).to_numpy() for part in (born.dt.month(), born.dt.day().clip(1, 28)))
    has_birthday = born.is_not_null().to_numpy()
    customer, at = [], []
    for year in range(span.first.year, span.last.year + 1):
        starts = np.array([seconds_of(date(year, number, 1)) for number in range(1, 13)], dtype=np.int64)
        morning = starts[month - 1] + (day.astype(np.int64) - 1) * DAY + 10 * HOUR
        inside = has_birthday & (morning >= span.start) & (morning <= span.horizon) & (people.signup < morning)
        rows = np.flatnonzero(inside & chance(rng, GREETED, len(people)))
        rows = rows[_stays(people, rows, morning[rows])]
        customer.append(rows)
        at.append(morning[rows])
    who, when = np.concatenate(customer), np.concatenate(at)
    nothing_due = np.full(len(who), NEVER, dtype=np.int64)
    gifted = chance(rng, COUPONS, len(who))
    return (
        _Contacts(CARE, who, nothing_due, when),
        _Contacts(COUPON, who[gifted], nothing_due[gifted], when[gifted]),
    )


def _responsible(master: pl.DataFrame, crew: Crew, kind: Ints, customer: Ints, at: Ints) -> pl.Series:
    """The customer's account manager, and for follow-ups, greetings and coupons somebody of the follow-up team."""
    own = master["客户经理"].str.slice(2).cast(pl.Int64).fill_null(0).to_numpy() - 1
    manager = np.where(own[customer] >= 0, own[customer], customer % ACCOUNT_MANAGERS)
    post = _FOLLOWUP_TEAM * AGENTS_PER_TEAM + customer % AGENTS_PER_TEAM
    by_agent = (kind == FOLLOWUP) | (kind == CARE) | (kind == COUPON)
    number = np.where(by_agent, crew.agents.holder(post, at), manager)
    return staff_ids(np.where(by_agent, AGENT, ACCOUNT_MANAGER), number)
