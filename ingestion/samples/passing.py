"""How tickets are passed on: to a newcomer who learns, to another team and sometimes back, up to a senior."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from ingestion.samples.crew import Crew
from ingestion.samples.draw import (
    DAY,
    HOUR,
    MINUTE,
    NEVER,
    Floats,
    Ints,
    between,
    chance,
    later,
    lognormal,
    only,
    pick_by_row,
)
from ingestion.samples.rhythm import OpenHours
from ingestion.samples.roster import Duty
from ingestion.samples.tickets import AGENTS_PER_TEAM, TEAMS, Tickets

MOVED: Final = 0.185  # of tickets that leave time for it: about one in twelve of all
SENT_BACK: Final = 0.2  # of those
TAKEN_UP: Final = 0.86  # of escalations
LEARNT_ON: Final = 0.35  # of what colleagues have begun, in a newcomer's first months
LEARNING: Final = 90 * DAY
SENIORS_PER_TEAM: Final = 3  # those longest at their posts
_REPLIES: Final = 0.85  # receivers who write to the customer at once
_PUBLIC: Final = 0.6  # of what seniors say first
# From team to team: questions turn out to be repairs or returns, and anything may turn into a complaint.
_TO: Final = (
    (0, 40, 28, 8, 20, 4),
    (40, 0, 28, 8, 20, 4),
    (22, 18, 0, 20, 34, 6),
    (14, 12, 44, 0, 26, 4),
    (22, 18, 32, 24, 0, 4),
    (28, 22, 26, 16, 8, 0),
)
_ASKED: Final = 4  # agents of a team who may take it
_ROOM: Final = 10 * MINUTE  # less than that, and nobody hands anything on


@dataclass
class Passing:
    """One element per ticket: when it was handed on and to which post; NEVER and -1 where it was not."""

    first: Ints
    moved: Ints
    receiver: Ints
    replied: Ints
    returned: Ints
    taken: Ints
    senior: Ints
    acted: Ints
    speaks: Ints  # of `acted`: that in public

    def holder(self, ticket: Ints, at: Ints | int) -> Ints:
        """The post that had each of these tickets at an instant."""
        post = self.first[ticket]
        for since, to in ((self.moved, self.receiver), (self.returned, self.first), (self.taken, self.senior)):
            post = np.where((since[ticket] != NEVER) & (since[ticket] <= at), to[ticket], post)
        return post


def draw_passing(
    rng: np.random.Generator,
    office: OpenHours,
    crew: Crew,
    duty: Duty,
    tickets: Tickets,
    answered: Ints,
    at: list[Ints],
    escalated: Ints,
) -> Passing:
    """`at` are four instants of the work on each ticket, in order; `answered` is NEVER where it stays with its agent.

    Nothing is moved before a person has answered, so that whoever answered first is whoever had it first.
    """
    count = len(tickets)
    movable = (answered != NEVER) & (at[0] != NEVER) & (at[1] - at[0] >= _ROOM)
    leaves = movable & chance(rng, MOVED, count)
    # Newcomers only get what colleagues of their own team began after they came.
    learner = np.where(movable & ~leaves, _learner(rng, crew, tickets), -1)
    moved = only(_within(at[0], at[1], between(rng, 5 * MINUTE, 4 * HOUR, count), 0.3), leaves | (learner >= 0))
    team = pick_by_row(rng, _TO, tickets.team)
    receiver = np.where(leaves, _on_duty(rng, duty, team, moved, at[3]), learner)
    answers = office.add(moved, lognormal(rng, 35 * MINUTE, 0.8, count)) - moved
    replied = only(_within(moved, at[1], answers, 0.9), leaves & chance(rng, _REPLIES, count))
    returns = leaves & chance(rng, SENT_BACK, count) & (escalated == NEVER) & (at[3] - at[2] >= _ROOM)
    returned = only(at[2] + (at[3] - at[2]) // 2, returns)
    takes = (escalated != NEVER) & (at[2] - escalated >= _ROOM) & chance(rng, TAKEN_UP, count)
    reaction = office.add(escalated, lognormal(rng, 50 * MINUTE, 0.8, count)) - escalated
    acted = only(_within(escalated, at[2], reaction, 0.9), takes)
    taken = only((escalated + acted) // 2, takes)
    now = np.where(moved != NEVER, receiver, tickets.agent)
    senior = np.where(takes, _senior(rng, crew, now), -1)
    # Where the customer may have had no answer yet, the senior only leaves a note.
    speaks = only(acted, (answered != NEVER) & chance(rng, _PUBLIC, count))
    return Passing(tickets.agent, moved, receiver, replied, returned, taken, senior, acted, speaks)


def _on_duty(rng: np.random.Generator, duty: Duty, team: Ints, *at: Ints) -> Ints:
    """Of some agents of the team, one who is there then, if any is."""
    posts = team * AGENTS_PER_TEAM + between(rng, 0, AGENTS_PER_TEAM, _ASKED * len(team)).reshape(_ASKED, len(team))
    is_there = np.sum([duty.covers(posts, instant) for instant in at], axis=0)
    return np.asarray(np.take_along_axis(posts, np.argmax(is_there, axis=0)[None], axis=0)[0], dtype=np.int64)


def _within(start: Ints, end: Ints, delay: Ints | Floats, share: float) -> Ints:
    """`delay` after the start, or that share of the way to the end where it is nearer."""
    room = ((end - start) * share).astype(np.int64)
    return later(start, np.minimum(np.asarray(delay).astype(np.int64), room))


def _learner(rng: np.random.Generator, crew: Crew, tickets: Tickets) -> Ints:
    """For some tickets, a newcomer of the team who came shortly before them; -1 for the rest."""
    found = np.full(len(tickets), -1, dtype=np.int64)
    for post in np.flatnonzero(crew.agents.before >= 0):
        tenure = tickets.created - crew.agents.since[post]
        fits = (tickets.team == post // AGENTS_PER_TEAM) & (tickets.agent != post)
        fits &= (tenure >= 0) & (tenure < LEARNING) & chance(rng, LEARNT_ON, len(tickets))
        found[fits] = post
    return found


def _senior(rng: np.random.Generator, crew: Crew, post: Ints) -> Ints:
    """One of the most senior agents of the post's team, but not the one at the post."""
    by_team = np.reshape(crew.agents.since, (len(TEAMS), AGENTS_PER_TEAM))
    seniors = np.argsort(by_team, axis=1, kind="stable")[:, : SENIORS_PER_TEAM + 1]
    team, place = post // AGENTS_PER_TEAM, between(rng, 0, SENIORS_PER_TEAM, len(post))
    chosen = team * AGENTS_PER_TEAM + seniors[team, place]
    return np.where(chosen == post, team * AGENTS_PER_TEAM + seniors[team, place + 1], chosen)
