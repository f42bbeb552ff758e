"""Who works in service: agents and engineers at their posts, newcomers among them, leaders, account managers."""

from dataclasses import dataclass, fields
from typing import Final

import numpy as np
import polars as pl

from ingestion.samples.draw import (
    DAY,
    NEVER,
    Ints,
    chance,
    ids,
    lognormal,
    pick,
    texts,
    times,
)
from ingestion.samples.places import ENGINEERS_PER_OUTLET, REGION_NAMES, outlet_regions
from ingestion.samples.rhythm import Span, weekdays
from ingestion.samples.tickets import AGENTS_PER_TEAM, TEAMS

ROLES: Final = ("客服", "工程师", "班组长", "服务经理", "客户经理")
AGENT, ENGINEER, LEADER, MANAGER, ACCOUNT_MANAGER = range(5)
AGENT_POSTS: Final = len(TEAMS) * AGENTS_PER_TEAM
SERVICE_MANAGERS: Final = 8
ACCOUNT_MANAGERS: Final = 40  # as many as the customer master names
_PREFIXES: Final = (("AG", 3), ("E", 5), ("L", 3), ("M", 3), ("AM", 3))
_HANDED_OVER: Final = 0.16  # posts whose holder changes within the span
_SURNAMES: Final = tuple("魏陶姜戚谢邹喻柏水窦章云苏潘葛奚范彭郎鲁韦昌马苗")
_GIVEN: Final = ("练一", "练二", "习安", "习宁", "演明", "演远", "仿和", "仿言", "拟清", "拟然")


@dataclass
class Posts:
    """One element per post, never vacant: since when its holder is there, and the number of who was there before.

    The holder has the number of the post. `before` lies beyond the posts; -1 where nobody left within the span.
    """

    since: Ints
    before: Ints

    def holder(self, post: Ints, at: Ints) -> Ints:
        """Who held each post at each instant; -1 stays -1."""
        place = np.maximum(post, 0)
        earlier = (post >= 0) & (self.before[place] >= 0) & (at < self.since[place])
        return np.asarray(np.where(earlier, self.before[place], post), dtype=np.int64)


@dataclass
class Crew:
    """The posts behind the codes of agents and engineers in tickets and visits."""

    agents: Posts
    engineers: Posts


@dataclass
class Staff:
    """One element per person of the staff list; `number` counts within a role, -1 and NEVER are none."""

    role: Ints
    number: Ints
    team: Ints
    outlet: Ints
    region: Ints
    hired: Ints
    left: Ints

    def __len__(self) -> int:
        return len(self.role)

    def ids(self) -> pl.Series:
        """As tickets, visits and customers name them."""
        return staff_ids(self.role, self.number)


def staff_ids(role: Ints, number: Ints) -> pl.Series:
    """Ids of staff, whose form follows the role."""
    found = pl.Series([None], dtype=pl.String).new_from_index(0, len(role))
    for code, (prefix, width) in enumerate(_PREFIXES):
        found = ids(prefix, number, width).zip_with(pl.Series(role == code), found)
    return found


def draw_crew(rng: np.random.Generator, span: Span) -> Crew:
    """Let some posts change hands on a Monday within the span."""
    engineer_posts = len(outlet_regions()) * ENGINEERS_PER_OUTLET
    return Crew(_posts(rng, span, AGENT_POSTS), _posts(rng, span, engineer_posts))


def _posts(rng: np.random.Generator, span: Span, count: int) -> Posts:
    moved = chance(rng, _HANDED_OVER, count)
    within = span.start + ((0.05 + 0.85 * rng.random(count)) * (span.horizon - span.start)).astype(np.int64)
    monday = within // DAY * DAY - weekdays(within) * DAY
    return Posts(
        since=np.where(moved, monday, _long_before(rng, span, count)),
        before=np.where(moved, count + np.cumsum(moved) - 1, -1),
    )


def _long_before(rng: np.random.Generator, span: Span, count: int) -> Ints:
    """Days of hiring from three months to fourteen years before the span."""
    days = np.clip(lognormal(rng, 3.5 * 365, 0.6, count), 90, 14 * 365).astype(np.int64)
    return np.asarray(span.start - days * DAY, dtype=np.int64)


def draw_staff(rng: np.random.Generator, span: Span, crew: Crew, engineer_posts: Ints) -> Staff:
    """Everybody: agents, the engineers of these posts, team leaders, service managers, account managers."""
    agents = np.arange(AGENT_POSTS, dtype=np.int64)
    outlet = engineer_posts // ENGINEERS_PER_OUTLET
    groups = [
        *_at_posts(rng, span, AGENT, crew.agents, agents, team=agents // AGENTS_PER_TEAM),
        *_at_posts(rng, span, ENGINEER, crew.engineers, engineer_posts, outlet=outlet),
        _in_office(rng, span, LEADER, len(TEAMS), team=np.arange(len(TEAMS), dtype=np.int64)),
        _in_office(rng, span, MANAGER, SERVICE_MANAGERS),
        _in_office(rng, span, ACCOUNT_MANAGER, ACCOUNT_MANAGERS),
    ]
    return Staff(**{
        field.name: np.concatenate([getattr(group, field.name) for group in groups]) for field in fields(Staff)
    })  # fmt: skip


def _at_posts(
    rng: np.random.Generator,
    span: Span,
    role: int,
    posts: Posts,
    post: Ints,
    *,
    team: Ints | None = None,
    outlet: Ints | None = None,
) -> tuple[Staff, Staff]:
    """Those who hold the posts, and those who left them within the span."""
    none = np.full(len(post), -1, dtype=np.int64)
    team, outlet = none if team is None else team, none if outlet is None else outlet
    region = none if outlet is none else outlet_regions()[outlet]
    gone = np.flatnonzero(posts.before[post] >= 0)
    last_day = posts.since[post[gone]] - DAY
    came = _long_before(rng, span, len(gone))
    return (
        Staff(np.full(len(post), role), post, team, outlet, region, posts.since[post], none),
        Staff(
            np.full(len(gone), role), posts.before[post[gone]], team[gone], outlet[gone], region[gone], came, last_day
        ),
    )


def _in_office(rng: np.random.Generator, span: Span, role: int, count: int, team: Ints | None = None) -> Staff:
    none = np.full(count, -1, dtype=np.int64)
    hired = _long_before(rng, span, count)
    return Staff(
        np.full(count, role),
        np.arange(count, dtype=np.int64),
        none if team is None else team,
        none,
        none,
        hired,
        none,
    )


def staff_frame(rng: np.random.Generator, span: Span, staff: Staff) -> pl.DataFrame:
    """The list of the personnel department, in days. Names are plainly invented."""
    count = len(staff)
    name = texts(_SURNAMES, pick(rng, np.ones(len(_SURNAMES)), count)) + texts(
        _GIVEN, pick(rng, np.ones(len(_GIVEN)), count)
    )
    until = np.where(staff.left == NEVER, span.horizon, staff.left)
    elsewhere = np.clip(lognormal(rng, 1.6, 0.8, count), 0, 15)
    years = (until - staff.hired) / (365 * DAY) + elsewhere
    return pl.DataFrame(
        {
            "工号": staff.ids(),
            "姓名": name,
            "岗位": texts(ROLES, staff.role),
            "班组": texts(TEAMS, staff.team),
            "所属网点": ids("OUT", staff.outlet, 4),
            "负责省份": texts(REGION_NAMES, staff.region),
            "入职日期": times(staff.hired).str.slice(0, 10),
            "离职日期": times(staff.left).str.slice(0, 10),
            "从业年限": np.round(years, 1),
        }
    )
