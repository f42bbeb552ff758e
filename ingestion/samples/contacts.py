"""What telephone, chat and social media keep of their own: calls, chats with bot and person, mentions."""

from typing import Final

import numpy as np
import polars as pl

from ingestion.samples.crew import Crew
from ingestion.samples.customers import Customers
from ingestion.samples.draw import (
    MINUTE,
    NEVER,
    Flags,
    Floats,
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
from ingestion.samples.handling import Handling
from ingestion.samples.rhythm import Span, arrivals
from ingestion.samples.tickets import BY_CUSTOMER, CHAT, CONSULT, PHONE, Tickets

ABANDONED_SHARE: Final = 0.09  # callers who give up, against those answered
IVR_SHARE: Final = 0.85  # callers the voice menu settles, against those answered
BOT_SHARE: Final = 1.15  # chats the bot settles alone, against those that became tickets
BOT_FAILS: Final = 0.12  # chats that end with the bot and without a solution
ROUTINE: Final = (0.45, 0.10)  # chats that became tickets: questions, all other kinds
ROUTINE_WITH_BOT: Final = 0.93
MENTIONS_PER_TICKET: Final = 0.03
_RESOLVERS: Final = ("bot", "agent", "none")
BY_BOT, BY_PERSON, BY_NOBODY = range(3)
_SENTIMENTS: Final = ("positive", "neutral", "negative")
NEGATIVE: Final = 2


def call_frame(
    rng: np.random.Generator, span: Span, people: Customers, tickets: Tickets, life: Handling, crew: Crew
) -> pl.DataFrame:
    """Inbound calls as exported: answered ones with their ticket, given up, or settled by the voice menu."""
    taken = (tickets.channel == PHONE) & (tickets.opened_by == BY_CUSTOMER) & (life.answered != NEVER)
    rows = np.flatnonzero(taken & (life.answered <= span.horizon))
    lost, menu = round(len(rows) * ABANDONED_SHARE), round(len(rows) * IVR_SHARE)
    given_up_at = arrivals(rng, span, lost)
    # People give up sooner or later, a few at once: they only dialled the wrong number.
    patience = np.clip(lognormal(rng, 38.0, 0.9, lost), 2, 10 * MINUTE)
    queued = np.concatenate([life.asked[rows], given_up_at, arrivals(rng, span, menu)])
    answered = np.concatenate([life.answered[rows], _none(lost + menu)])
    abandoned = np.concatenate([_none(len(rows)), later(given_up_at, patience), _none(menu)])
    ticket = np.concatenate([rows, _none(lost + menu)])
    customer = np.concatenate([tickets.customer[rows], _callers(rng, people, queued[len(rows) :])])
    agent = np.concatenate([crew.agents.holder(tickets.agent[rows], life.answered[rows]), _none(lost + menu)])
    order = np.argsort(queued, kind="stable")
    return pl.DataFrame(
        {
            "call_id": ids("CL", np.arange(len(order), dtype=np.int64)),
            "ticket_id": ids("T", ticket[order]),
            "customer_id": ids("C", customer[order]),
            "queued_at": times(queued[order]),
            "answered_at": times(answered[order]),
            "abandoned_at": times(known_by(span.horizon, abandoned[order])),
            "ivr_contained": pl.Series(order >= len(rows) + lost).cast(pl.Int8),
            "agent_id": ids("AG", agent[order], 3),
        }
    )


def chat_frame(
    rng: np.random.Generator, span: Span, people: Customers, tickets: Tickets, life: Handling
) -> pl.DataFrame:
    """Chats as exported: every one begins with the bot; those that became tickets mostly went on to a person."""
    rows = np.flatnonzero((tickets.channel == CHAT) & (tickets.opened_by == BY_CUSTOMER) & tickets.is_worked)
    alone = round(len(rows) * BOT_SHARE)
    began = np.concatenate(
        [tickets.created[rows] - between(rng, 20, 4 * MINUTE, len(rows)), arrivals(rng, span, alone)]
    )
    began = np.maximum(began, span.start)
    with_bot = np.concatenate([life.by_bot[rows], np.ones(alone, dtype=np.bool_)])
    asked = only(np.concatenate([tickets.created[rows], _none(alone)]), ~with_bot)
    replied = known_by(span.horizon, only(np.concatenate([life.answered[rows], _none(alone)]), ~with_bot))
    talk = later(
        np.where(replied == NEVER, np.maximum(asked, began), replied),
        between(rng, 2 * MINUTE, 25 * MINUTE, len(began)),
    )
    bot_talk = later(began, between(rng, 40, 6 * MINUTE, len(began)))
    ended = known_by(span.horizon, np.where(with_bot, bot_talk, talk))
    fails = with_bot & (np.arange(len(began)) >= len(rows)) & chance(rng, BOT_FAILS, len(began))
    resolver = np.where(
        with_bot, np.where(fails, BY_NOBODY, BY_BOT), np.where(replied == NEVER, BY_NOBODY, BY_PERSON)
    )
    likely: Floats = np.full(len(began), ROUTINE_WITH_BOT)
    likely[: len(rows)] = np.where(tickets.kind[rows] == CONSULT, ROUTINE[0], ROUTINE[1])
    routine: Flags = chance(rng, np.where(with_bot, ROUTINE_WITH_BOT, likely), len(began))
    ticket = np.concatenate([rows, _none(alone)])
    customer = np.concatenate([tickets.customer[rows], _callers(rng, people, began[len(rows) :])])
    order = np.argsort(began, kind="stable")
    return pl.DataFrame(
        {
            "session_id": ids("CS", np.arange(len(order), dtype=np.int64)),
            "ticket_id": ids("T", ticket[order]),
            "customer_id": ids("C", customer[order]),
            "started_at": times(began[order]),
            "human_requested_at": times(asked[order]),
            "agent_first_message_at": times(replied[order]),
            "ended_at": times(ended[order]),
            "resolved_by": texts(_RESOLVERS, np.where(ended == NEVER, -1, resolver)[order]),
            "is_routine": routine[order],
        }
    )


def mention_frame(rng: np.random.Generator, span: Span, tickets: int) -> pl.DataFrame:
    """Posts about the brand, as the listening tool exports them; most complaints in public are answered."""
    count = max(3, round(tickets * MENTIONS_PER_TICKET))
    posted = np.sort(arrivals(rng, span, count))
    sentiment = pick(rng, (30, 44, 26), count)
    replies = chance(rng, np.take((0.35, 0.2, 0.9), sentiment), count)
    answered = only(later(posted, lognormal(rng, 58 * MINUTE, 0.8, count)), replies)
    return pl.DataFrame(
        {
            "mention_id": ids("SM", np.arange(count, dtype=np.int64)),
            "posted_at": times(posted),
            "sentiment": texts(_SENTIMENTS, sentiment),
            "answered_at": times(known_by(span.horizon, answered)),
        }
    )


def _none(count: int) -> Ints:
    return np.full(count, NEVER, dtype=np.int64)


def _callers(rng: np.random.Generator, people: Customers, at: Ints) -> Ints:
    """A customer who had signed up and not left, or -1: about a third are not recognised."""
    candidate = pick(rng, people.activity, len(at))
    gone = np.where(people.churned == NEVER, np.iinfo(np.int64).max, people.churned)
    fits = (people.signup[candidate] < at) & (gone[candidate] > at) & chance(rng, 0.75, len(at))
    return np.where(fits, candidate, -1)
