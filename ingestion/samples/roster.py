"""Shifts of agents, wide enough for the work their tickets tell of."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl

from ingestion.samples.crew import AGENT_POSTS, Crew
from ingestion.samples.draw import DAY, HOUR, NEVER, Flags, Ints, between, ids, pick, times
from ingestion.samples.handling import Handling
from ingestion.samples.rhythm import Span
from ingestion.samples.tickets import Tickets

# Early, late and night shift in hours after local midnight; the working day turns at six in the morning.
SHIFTS: Final = ((8, 17), (13, 22), (22, 32))
EARLY, LATE, NIGHT = range(3)
IDLE_SHARE: Final = 0.07  # shifts without any ticket, against those with some
_DAY_TURNS: Final = 6 * HOUR


@dataclass
class Duty:
    """Who is there on which day: one row a post, one column a working day since the span began."""

    first_day: int
    days: Flags

    def covers(self, post: Ints, at: Ints) -> Flags:
        """Whether each post has work of its own on the day of each instant; on days outside the span, nobody has."""
        day = (at - _DAY_TURNS) // DAY - self.first_day
        inside = (day >= 0) & (day < self.days.shape[1])
        return np.asarray(inside & self.days[post, np.where(inside, day, 0)], dtype=np.bool_)


def on_duty(span: Span, tickets: Tickets, life: Handling) -> Duty:
    """The days on which each agent has something to do with the tickets they were given first."""
    worked = _worked(span, tickets, life)
    first_day = (span.start - _DAY_TURNS) // DAY
    days = np.zeros((AGENT_POSTS, (span.horizon - _DAY_TURNS) // DAY - first_day + 1), dtype=np.bool_)
    days[worked["post"].to_numpy(), worked["day"].to_numpy() - first_day] = True
    return Duty(first_day, days)


def roster_frame(rng: np.random.Generator, span: Span, tickets: Tickets, life: Handling, crew: Crew) -> pl.DataFrame:
    """At most one shift per agent and working day, as exported; nobody comes early after a night."""
    worked = _worked(span, tickets, life)
    rota = pl.concat([worked, _idle(rng, span, len(worked))])
    rota = rota.unique(["post", "day"], keep="first", maintain_order=True).sort("post", "day")
    before = rota.select(
        is_next=(pl.col("day") - pl.col("day").shift(1).over("post") == 1).fill_null(value=False),
        shift=pl.col("shift").shift(1).over("post").fill_null(EARLY),
    )
    rota = rota.filter(~(before["is_next"] & (before["shift"] == NIGHT) & (rota["shift"] == EARLY)))
    post, day, shift = (rota[name].to_numpy() for name in ("post", "day", "shift"))
    start, end = (day * DAY + np.take(np.array(SHIFTS) * HOUR, shift, axis=0).T[side] for side in range(2))
    known = start <= span.horizon
    order = np.lexsort((post[known], start[known]))
    agent = crew.agents.holder(post, start)[known][order]
    return pl.DataFrame(
        {
            "工号": ids("AG", agent, 3),
            "上班时间": times(start[known][order]),
            "下班时间": times(end[known][order]),
        }
    )


def _worked(span: Span, tickets: Tickets, life: Handling) -> pl.DataFrame:
    """The shift of the first thing each agent did on each day."""
    instants = [life.answered, life.solved, life.solved_again, life.followed_up]
    at = np.concatenate(instants)
    post = np.tile(tickets.agent, len(instants))
    by_person = np.tile(tickets.is_worked & ~life.by_bot, len(instants))
    rows = np.flatnonzero((at != NEVER) & (at <= span.horizon) & by_person)
    post, at = post[rows], at[rows]
    day = (at - _DAY_TURNS) // DAY
    hour = (at - day * DAY) / HOUR
    shift = np.where(hour < 13, EARLY, np.where(hour < 22, LATE, NIGHT))
    work = pl.DataFrame({"post": post, "day": day, "shift": shift, "at": at}).sort("at", maintain_order=True)
    return work.group_by("post", "day", maintain_order=True).agg(pl.col("shift").first())


def _idle(rng: np.random.Generator, span: Span, worked: int) -> pl.DataFrame:
    """Shifts in which nothing came."""
    count = round(worked * IDLE_SHARE)
    return pl.DataFrame(
        {
            "post": between(rng, 0, AGENT_POSTS, count),
            "day": between(rng, span.start // DAY, span.horizon // DAY + 1, count),
            "shift": pick(rng, (70, 25, 5), count),
        }
    )
