"""The history of every ticket, event by event, and the tickets' own file, which agrees with it."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import polars as pl

from ingestion.samples.catalogue import PRODUCT_IDS
from ingestion.samples.crew import Crew
from ingestion.samples.draw import (
    DAY,
    MINUTE,
    NEVER,
    Ints,
    between,
    chance,
    ids,
    later,
    only,
    subject_rng,
    texts,
    times,
)
from ingestion.samples.handling import Handling
from ingestion.samples.notices import progress_notices
from ingestion.samples.passing import Passing, draw_passing
from ingestion.samples.places import REGION_NAMES
from ingestion.samples.rhythm import OpenHours, office_hours
from ingestion.samples.roster import Duty, on_duty
from ingestion.samples.tickets import (
    AGENTS_PER_TEAM,
    BY_AGENT,
    BY_ALERT,
    CATEGORY_NAMES,
    CHANNELS,
    COMPLAINT,
    KINDS,
    OPENERS,
    PHONE,
    PRIORITIES,
    REPAIR,
    SCENES,
    TEAMS,
    Tickets,
)
from ingestion.samples.world import World

EVENT_TYPES: Final = ("created", "status", "assigned", "message", "call", "escalated", "notice")
CREATED, STATUS, ASSIGNED, MESSAGE, CALL, ESCALATED, NOTICE = range(7)
ROLES: Final = ("customer", "agent", "bot", "system")
CUSTOMER, AGENT, BOT, SYSTEM = range(4)
STATUSES: Final = ("new", "open", "pending", "on_hold", "solved", "closed", "followup")
NEW, OPEN, PENDING, ON_HOLD, SOLVED, CLOSED, FOLLOWUP = range(7)
NONE: Final = -1
HOLDER: Final = -2  # the agent who has the ticket at that instant
BLOCK: Final = 50_000  # tickets written at a time, so that memory stays flat at millions
_SCHEMA: Final = ("ticket", "at", "slot", "type", "status", "role", "public", "team", "agent")


@dataclass
class _Log:
    """Collects one kind of event for many tickets at a time; `slot` breaks ties between equal instants."""

    horizon: int
    tickets: Tickets
    parts: list[pl.DataFrame] = field(default_factory=list)

    def add(
        self,
        at: Ints,
        kind: int,
        role: Ints | int,
        *,
        status: int = NONE,
        public: bool = True,
        agent: Ints | None = None,
    ) -> None:
        rows = np.flatnonzero((at != NEVER) & (at <= self.horizon))
        roles = np.broadcast_to(np.asarray(role, dtype=np.int64), at.shape)[rows]
        agents = np.full(len(rows), HOLDER) if agent is None else agent[rows]
        agents = np.where((roles == AGENT) | (kind == ASSIGNED), agents, NONE)
        self.parts.append(
            pl.DataFrame(
                {
                    "ticket": rows,
                    "at": at[rows],
                    "slot": np.full(len(rows), len(self.parts)),
                    "type": np.full(len(rows), kind),
                    "status": np.full(len(rows), status),
                    "role": roles,
                    "public": np.full(len(rows), public),
                    "agent": agents,
                },
            )
        )

    def sorted(self, passing: Passing) -> pl.DataFrame:
        """All events in order, those of whoever had the ticket with their agent, and all with their team."""
        log = pl.concat(self.parts).sort("ticket", "at", "slot")
        agent = log["agent"].to_numpy()
        agent = np.where(agent == HOLDER, passing.holder(log["ticket"].to_numpy(), log["at"].to_numpy()), agent)
        team = np.where(agent >= 0, agent // AGENTS_PER_TEAM, NONE)
        return log.with_columns(pl.Series("agent", agent), pl.Series("team", team)).select(_SCHEMA)


def event_blocks(seed: int, world: World) -> Iterator[tuple[pl.DataFrame, pl.DataFrame]]:
    """Events and tickets as exported, a block of tickets at a time."""
    rng, passing_rng = subject_rng(seed, "events"), subject_rng(seed, "passing")
    tickets, horizon, office = world.tickets, world.span.horizon, office_hours(world.span)
    duty = on_duty(world.span, tickets, world.life)
    notices = progress_notices(subject_rng(seed, "notices"), world.visits, len(tickets))
    for start in range(0, len(tickets), BLOCK):
        rows = slice(start, start + BLOCK)
        part = tickets.take(np.arange(start, min(start + BLOCK, len(tickets)), dtype=np.int64))
        life = world.life.take(rows)
        log = _Log(horizon, part)
        _opening(rng, log, part, life)
        passing = _working(rng, passing_rng, log, part, life, office, world.crew, duty)
        _solving(rng, log, part, life)
        for notice in notices:
            log.add(notice[rows], NOTICE, SYSTEM)
        history = log.sorted(passing)
        frame = _ticket_frame(history, part, life.known_by(horizon), passing, world, start)
        frame.insert_column(-1, world.handbook.flow_ids(rows).alias("flow_id"))
        frame.insert_column(-1, world.handbook.article_ids(rows).alias("knowledge_id"))
        yield _event_frame(history, world.crew, start), frame


def _opening(rng: np.random.Generator, log: _Log, tickets: Tickets, life: Handling) -> None:
    """Created, the first message, the bot's automatic reply, assignment."""
    count = len(tickets)
    opener = np.take((CUSTOMER, AGENT, SYSTEM), tickets.opened_by)
    log.add(tickets.created, CREATED, opener, status=NEW)
    log.add(only(tickets.created, tickets.opened_by == BY_AGENT), MESSAGE, AGENT)
    calls = (tickets.channel == PHONE) & (tickets.opened_by != BY_ALERT)
    writes = (tickets.channel != PHONE) & (tickets.opened_by != BY_ALERT)
    log.add(only(life.asked, calls), CALL, CUSTOMER)
    # A call leaves the customer's words behind as its first message.
    log.add(only(life.asked, calls | writes), MESSAGE, CUSTOMER)
    greets = writes & (tickets.opened_by != BY_AGENT) & (life.by_bot | chance(rng, 0.72, count))
    log.add(only(later(tickets.created, between(rng, 1, 15, count)), greets), MESSAGE, BOT)
    log.add(life.assigned, ASSIGNED, SYSTEM)
    log.add(only(life.assigned, tickets.is_worked), STATUS, SYSTEM, status=OPEN)


def _working(
    rng: np.random.Generator,
    passing_rng: np.random.Generator,
    log: _Log,
    tickets: Tickets,
    life: Handling,
    office: OpenHours,
    crew: Crew,
    duty: Duty,
) -> Passing:
    """Answers, notes, questions back, waiting for customer or part, hand-overs, escalation."""
    count = len(tickets)
    start = np.where(life.answered == NEVER, life.assigned, life.answered)
    # What is never solved still sees its work in the first days.
    end = np.where(life.solved == NEVER, later(start, 3 * DAY), life.solved)
    room = np.where(start == NEVER, 0, np.maximum(end - start, 0))
    busy = (start != NEVER) & (room > 20 * MINUTE) & tickets.is_worked & ~life.by_bot
    cuts = np.sort(rng.random((4, count)) * 0.9 + 0.05, axis=0)
    at = [only(start + (cut * room).astype(np.int64), busy) for cut in cuts]

    note = only(np.where(life.answered == NEVER, life.assigned, (life.assigned + life.answered) // 2),
                chance(rng, 0.16, count))  # fmt: skip
    log.add(only(note, life.assigned != NEVER), MESSAGE, AGENT, public=False)
    log.add(life.answered, MESSAGE, AGENT)
    moved = chance(rng, 0.1, count) & (at[0] != NEVER)
    colleague = tickets.team * AGENTS_PER_TEAM + between(rng, 0, AGENTS_PER_TEAM, count)
    log.add(only(at[0], moved & (life.answered != NEVER)), ASSIGNED, SYSTEM, agent=colleague)
    log.add(only(at[0], chance(rng, 0.2, count)), MESSAGE, AGENT, public=False)

    asks_back = chance(rng, 0.22, count) & (life.answered != NEVER) & (life.hold_from == NEVER)
    log.add(only(at[1], asks_back), MESSAGE, AGENT)
    log.add(only(at[1], asks_back), STATUS, AGENT, status=PENDING)
    replies = only(at[2], asks_back | (chance(rng, 0.22, count) & (life.answered != NEVER)))
    log.add(replies, MESSAGE, CUSTOMER)
    log.add(only(at[2], asks_back), STATUS, SYSTEM, status=OPEN)
    log.add(only(at[3], replies != NEVER), MESSAGE, AGENT)

    log.add(life.hold_from, STATUS, AGENT, status=ON_HOLD)
    log.add(life.hold_to, STATUS, AGENT, status=OPEN)
    worry = np.where(tickets.kind == COMPLAINT, 0.2, np.where(tickets.kind == REPAIR, 0.04, 0.012))
    escalated = only(at[1], chance(rng, worry, count))
    log.add(escalated, ESCALATED, SYSTEM)
    # What a colleague of the team looks into does not leave the team.
    passing = draw_passing(passing_rng, office, crew, duty, tickets, only(life.answered, ~moved), at, escalated)
    _passing_on(log, passing)
    return passing


def _passing_on(log: _Log, passing: Passing) -> None:
    log.add(passing.moved, ASSIGNED, SYSTEM)
    log.add(passing.replied, MESSAGE, AGENT)
    log.add(passing.returned, ASSIGNED, SYSTEM)
    log.add(passing.taken, ASSIGNED, SYSTEM)
    log.add(passing.speaks, MESSAGE, AGENT)
    log.add(only(passing.acted, passing.speaks == NEVER), MESSAGE, AGENT, public=False)


def _solving(rng: np.random.Generator, log: _Log, tickets: Tickets, life: Handling) -> None:
    """Solved, thanked, reopened, solved again, accepted, followed up, closed."""
    count = len(tickets)
    tells = (life.answered != NEVER) & (life.solved - life.answered > 20 * MINUTE) & chance(rng, 0.35, count)
    log.add(only(life.solved, tells), MESSAGE, AGENT)
    log.add(life.solved, STATUS, np.where(life.by_bot, BOT, AGENT), status=SOLVED)
    log.add(only(later(life.solved, between(rng, 5, MINUTE, count)), ~life.by_bot), NOTICE, SYSTEM)
    for opened, replied, solved in (
        (life.reopened, life.replied_again, life.solved_again),
        (life.reopened_twice, life.replied_twice, life.solved_at_last),
    ):
        log.add(opened, MESSAGE, CUSTOMER)
        log.add(opened, STATUS, SYSTEM, status=OPEN)
        log.add(replied, MESSAGE, AGENT)
        log.add(solved, STATUS, AGENT, status=SOLVED)
    rings = chance(rng, 0.6, count)
    log.add(only(life.followed_up, rings), CALL, AGENT, status=FOLLOWUP)
    log.add(only(life.followed_up, ~rings), NOTICE, AGENT, status=FOLLOWUP)
    log.add(life.closed, STATUS, SYSTEM, status=CLOSED)


def _event_frame(log: pl.DataFrame, crew: Crew, offset: int) -> pl.DataFrame:
    code = {name: log[name].to_numpy() for name in _SCHEMA if name != "public"}
    return pl.DataFrame(
        {
            "ticket_id": ids("T", code["ticket"] + offset),
            "event_seq": log.select(pl.int_range(1, pl.len() + 1).over("ticket")).to_series(),
            "event_type": texts(EVENT_TYPES, code["type"]),
            "occurred_at": times(code["at"]),
            "status": texts(STATUSES, code["status"]),
            "team": texts(TEAMS, code["team"]),
            "agent_id": ids("AG", crew.agents.holder(code["agent"], code["at"]), 3),
            "actor_role": texts(ROLES, code["role"]),
            "is_public": log["public"],
        }
    )


def _ticket_frame(
    log: pl.DataFrame, tickets: Tickets, known: Handling, passing: Passing, world: World, offset: int
) -> pl.DataFrame:
    """Tickets as exported, with what was known by then; the status is the last one in the history."""
    latest = log.group_by("ticket", maintain_order=True).agg(
        pl.col("status").filter((pl.col("status") >= 0) & (pl.col("status") != FOLLOWUP)).last(),
        pl.col("at").max(),
        (pl.col("type") == ASSIGNED).sum().alias("assigned"),
    )
    row = np.arange(len(tickets), dtype=np.int64)
    number = row + offset
    category = texts(CATEGORY_NAMES, tickets.category)
    post = passing.holder(row, world.span.horizon)
    agent = world.crew.agents.holder(only(post, tickets.is_worked & ~known.by_bot), tickets.created)
    return pl.DataFrame(
        {
            "ticket_id": ids("T", number),
            "customer_id": ids("C", tickets.customer),
            "asset_id": ids("A", tickets.asset),
            "order_id": ids("SO", tickets.asset),
            "product_id": texts(PRODUCT_IDS, tickets.product),
            "channel": texts(CHANNELS, tickets.channel),
            "scene": texts(SCENES, tickets.kind),
            "kind": texts(KINDS, tickets.kind),
            "category": category,
            "priority": texts(PRIORITIES, tickets.priority),
            "region": texts(REGION_NAMES, tickets.region),
            "team": texts(TEAMS, post // AGENTS_PER_TEAM),
            "agent_id": ids("AG", agent, 3),
            "opened_by": texts(OPENERS, tickets.opened_by),
            "subject": category + "（样例）",
            "created_at": times(tickets.created),
            "first_response_at": times(known.first_response),
            "resolved_at": times(known.resolved),
            "closed_at": times(known.closed),
            "status": texts(STATUSES, latest["status"].to_numpy()),
            "is_complaint": tickets.kind == COMPLAINT,
            "reopen_count": known.reopen_count,
            "reassign_count": np.maximum(latest["assigned"].to_numpy().astype(np.int64) - 1, 0),
            "merged_into": ids("T", tickets.merged_into),
            "is_deleted": tickets.is_deleted,
            "is_spam": tickets.is_spam,
            "updated_at": times(latest["at"].to_numpy()),
        }
    )
