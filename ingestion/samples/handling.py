"""How tickets are answered, solved, reopened and closed, as if the export had no end; `until` cuts it later."""

from dataclasses import dataclass, fields
from typing import Final

import numpy as np

from ingestion.samples.complaints import Complaints
from ingestion.samples.draw import (
    DAY,
    HOUR,
    MINUTE,
    NEVER,
    Flags,
    Ints,
    between,
    chance,
    known_by,
    later,
    lognormal,
    newest,
    only,
)
from ingestion.samples.rhythm import OpenHours, Span, weekdays
from ingestion.samples.stories import WEEKEND_CHAT_FACTOR
from ingestion.samples.tickets import (
    BY_AGENT,
    CHAT,
    COMPLAINT,
    CONSULT,
    EMAIL,
    OTHER,
    PHONE,
    REPAIR,
    RETURN,
    Tickets,
)
from ingestion.samples.visits import WAITING_PART, Visits

# First response by channel: phone, email, chat, web, app, wechat. Phone and chat are staffed round the clock.
_ANSWER_MEDIAN: Final = (13.0, 42 * MINUTE, 72.0, 15.5 * MINUTE, 15 * MINUTE, 14.5 * MINUTE)
_ANSWER_SIGMA: Final = (0.6, 0.72, 0.65, 0.55, 0.55, 0.55)
_TIER_FACTOR: Final = (1.05, 1.0, 0.92, 0.56)
_PRIORITY_FACTOR: Final = (1.1, 1.0, 0.92, 0.75)
_IMPROVEMENT: Final = 0.16  # how much quicker answers became over the two years
NEVER_ANSWERED: Final = 0.013
NEVER_SOLVED: Final = 0.008
BOT_SOLVED: Final = 0.03
# Office time from answer to solution by kind, for what needs no visit.
_SOLVE_MEDIAN: Final = (30 * MINUTE, 2.5 * HOUR, 4 * HOUR, 5 * HOUR, 50 * MINUTE)
_SOLVE_SIGMA: Final = (1.3, 1.0, 0.8, 0.7, 1.2)
REOPENED: Final = (0.062, 0.12)  # once, and once more
_REOPEN_LIMIT: Final = int(4.8 * DAY)  # before the ticket closes by itself


@dataclass
class Beginning:
    """One element per ticket: how it started."""

    asked: Ints
    answered: Ints
    by_bot: Flags


@dataclass
class Handling:
    """One element per ticket: the instants of its life, NEVER where it lacks one."""

    asked: Ints  # the customer's first message
    assigned: Ints
    answered: Ints  # first public reply by a person
    hold_from: Ints
    hold_to: Ints
    solved: Ints
    reopened: Ints
    replied_again: Ints
    solved_again: Ints
    reopened_twice: Ints
    replied_twice: Ints
    solved_at_last: Ints
    closed: Ints
    accepted: Ints
    followed_up: Ints
    by_bot: Flags

    def take(self, rows: slice) -> "Handling":
        return Handling(**{field.name: getattr(self, field.name)[rows] for field in fields(self)})

    def known_by(self, horizon: int) -> "Handling":
        """The same, without what lies after the export was taken."""
        cut = {field.name: getattr(self, field.name) for field in fields(self)}
        for name, values in cut.items():
            if name != "by_bot":
                cut[name] = known_by(horizon, values)
        return Handling(**cut)

    @property
    def first_response(self) -> Ints:
        """The first reply by a person: after reopening, where a bot or nobody had replied before."""
        later_reply = np.where(self.replied_again == NEVER, self.replied_twice, self.replied_again)
        return np.where(self.answered == NEVER, later_reply, self.answered)

    @property
    def resolved(self) -> Ints:
        """The latest solution, unless the ticket has been reopened since."""
        resolved = np.where(self.reopened != NEVER, self.solved_again, self.solved)
        return np.where(self.reopened_twice != NEVER, self.solved_at_last, resolved)

    @property
    def reopen_count(self) -> Ints:
        return np.asarray((self.reopened != NEVER).astype(np.int64) + (self.reopened_twice != NEVER), dtype=np.int64)


def first_answers(
    rng: np.random.Generator, span: Span, office: OpenHours, service: OpenHours, tickets: Tickets
) -> Beginning:
    """When the customer first wrote, when a person first answered, and what a bot settled alone.

    A ticket opened by an agent starts, for the customer, with the customer's own first message, if any comes.
    """
    count = len(tickets)
    by_agent = tickets.opened_by == BY_AGENT
    writes_back = ~by_agent | chance(rng, 0.55, count)
    reaction = np.where(by_agent, lognormal(rng, 2.5 * HOUR, 1.0, count), 0)
    asked = only(later(tickets.created, reaction), writes_back)
    factor = np.take(_TIER_FACTOR, np.maximum(tickets.tier, 0)) * np.take(_PRIORITY_FACTOR, tickets.priority)
    factor *= tickets.slowness * (1 + _IMPROVEMENT / 2 - _IMPROVEMENT * span.share(tickets.created))
    factor *= np.where((tickets.channel == CHAT) & (weekdays(tickets.created) >= 5), WEEKEND_CHAT_FACTOR, 1.0)
    median, sigma = np.take(_ANSWER_MEDIAN, tickets.channel), np.take(_ANSWER_SIGMA, tickets.channel)
    delay = np.maximum(lognormal(rng, median * factor, sigma, count), 2.0)
    round_the_clock = (tickets.channel == PHONE) | (tickets.channel == CHAT)
    # The dispatch desk works every day, the other teams in office hours.
    waited = np.where(tickets.kind == REPAIR, service.add(asked, delay), office.add(asked, delay))
    answered = np.where(round_the_clock, later(asked, delay), waited)
    silent = chance(rng, NEVER_ANSWERED, count) & (tickets.channel != PHONE)
    bot = _by_bot(rng, tickets)
    return Beginning(asked, only(answered, (asked != NEVER) & tickets.is_worked & ~silent & ~bot), bot)


def _by_bot(rng: np.random.Generator, tickets: Tickets) -> Flags:
    talks = (tickets.channel != PHONE) & (tickets.channel != EMAIL)
    settled = (tickets.kind == CONSULT) & talks & tickets.is_worked & chance(rng, BOT_SOLVED, len(tickets))
    return np.asarray(settled, dtype=np.bool_)


def handle(
    rng: np.random.Generator,
    office: OpenHours,
    tickets: Tickets,
    beginning: Beginning,
    visits: Visits,
    complaints: Complaints,
) -> Handling:
    """The rest of each ticket's life, from assignment to closing."""
    count = len(tickets)
    asked, answered, bot = beginning.asked, beginning.answered, beginning.by_bot
    ended, accepted = visits.last_of(count)
    solved = _first_solved(rng, office, tickets, answered, ended, complaints.resolved_of(count))
    solved = np.where(bot, tickets.created + between(rng, MINUTE, 6 * MINUTE, count), solved)
    hold_from, hold_to = _holds(visits, count)
    is_remote = (ended == NEVER) & (tickets.kind != COMPLAINT)
    reopens = (solved != NEVER) & tickets.is_worked & chance(rng, np.where(is_remote, REOPENED[0], 0.035), count)
    reopened = only(_reopened(rng, solved), reopens)
    solved_again = _solved_again(rng, office, tickets, reopened)
    reopened_twice = only(_reopened(rng, solved_again), (solved_again != NEVER) & chance(rng, REOPENED[1], count))
    solved_at_last = _solved_again(rng, office, tickets, reopened_twice)
    replied_again = _replied(rng, reopened, solved_again)
    replied_twice = _replied(rng, reopened_twice, solved_at_last)
    last = newest(solved, solved_again, solved_at_last)
    closed = _closed(rng, tickets, last)
    calls_back = (accepted != NEVER) & chance(rng, 0.82, count)
    followed_up = only(office.add(accepted, lognormal(rng, 11 * HOUR, 0.5, count)), calls_back)
    waited = np.where(answered == NEVER, 20 * MINUTE, (answered - tickets.created) * rng.uniform(0.1, 0.7, count))
    assigned = only(later(tickets.created, waited), tickets.is_worked & ~bot)
    return Handling(
        asked, assigned, answered, hold_from, hold_to, solved, reopened, replied_again, solved_again,
        reopened_twice, replied_twice, solved_at_last, closed, accepted, followed_up, bot,
    )  # fmt: skip


def _closed(rng: np.random.Generator, tickets: Tickets, last: Ints) -> Ints:
    """Closed some days after the last solution; duplicates and spam within hours."""
    count = len(tickets)
    closed = only(later(last, between(rng, 5 * DAY, 7 * DAY, count)), chance(rng, 0.98, count))
    # Most of what nobody solved is tidied away in the end, unsolved; complaints stay open.
    tidied = only(later(tickets.created, between(rng, 15 * DAY, 25 * DAY, count)), chance(rng, 0.8, count))
    tidied = only(tidied, tickets.kind != COMPLAINT)
    discarded = later(tickets.created, between(rng, 10 * MINUTE, 3 * HOUR, count))
    return np.where(tickets.is_worked, np.where(last == NEVER, tidied, closed), discarded)


def _first_solved(
    rng: np.random.Generator, office: OpenHours, tickets: Tickets, answered: Ints, ended: Ints, settled: Ints
) -> Ints:
    count = len(tickets)
    work = lognormal(rng, np.take(_SOLVE_MEDIAN, tickets.kind), np.take(_SOLVE_SIGMA, tickets.kind), count)
    # Many questions are settled in the same conversation.
    quick = (tickets.kind == CONSULT) & chance(rng, 0.5, count)
    work *= tickets.slowness
    remote = np.where(quick, later(answered, np.clip(work, 2 * MINUTE, 40 * MINUTE)), office.add(answered, work))
    # What an agent opened and nobody replied to is ticked off a day or two later.
    ticked_off = (tickets.kind == OTHER) & (tickets.opened_by == BY_AGENT) & (answered == NEVER)
    remote = np.where(ticked_off, office.add(tickets.created, work + 6 * HOUR), remote)
    stuck = chance(rng, NEVER_SOLVED, count)
    remote = only(remote, ((answered != NEVER) | ticked_off) & ~stuck)
    visited = later(ended, between(rng, 5 * MINUTE, 50 * MINUTE, count))
    solved = np.where(tickets.kind == COMPLAINT, settled, np.where(ended != NEVER, visited, remote))
    return only(solved, tickets.is_worked)


def _holds(visits: Visits, count: int) -> tuple[Ints, Ints]:
    """The first wait for a part: from the visit that found it missing to the next dispatch."""
    hold_from, hold_to = (np.full(count, NEVER, dtype=np.int64) for _ in range(2))
    waits = (visits.result[:-1] == WAITING_PART) & (visits.ticket[1:] == visits.ticket[:-1])
    at = np.flatnonzero(waits)[::-1]
    hold_from[visits.ticket[at]] = visits.finished[at]
    hold_to[visits.ticket[at]] = visits.dispatched[at + 1]
    return hold_from, hold_to


def _reopened(rng: np.random.Generator, solved: Ints) -> Ints:
    gap = np.minimum(lognormal(rng, 20 * HOUR, 0.9, len(solved)), _REOPEN_LIMIT - rng.random(len(solved)) * HOUR)
    return later(solved, gap)


def _replied(rng: np.random.Generator, reopened: Ints, solved: Ints) -> Ints:
    share = rng.uniform(0.1, 0.8, len(reopened))
    return only(reopened + ((solved - reopened) * share).astype(np.int64), reopened != NEVER)


def _solved_again(rng: np.random.Generator, office: OpenHours, tickets: Tickets, reopened: Ints) -> Ints:
    slower = np.where((tickets.kind == REPAIR) | (tickets.kind == RETURN), 2.0, 1.0)
    work = lognormal(rng, 3 * HOUR, 0.9, len(reopened)) * slower
    done = np.maximum(office.add(reopened, work), reopened + 20 * MINUTE)
    return only(done, reopened != NEVER)
