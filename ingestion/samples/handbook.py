"""How work is meant to be done: the flow each ticket was handled under, and the article it was solved with."""

import csv
from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl

from data_checks.contract import SQL
from ingestion.samples.customers import TIERS, Customers
from ingestion.samples.draw import (
    DAY,
    NEVER,
    Floats,
    Ints,
    between,
    chance,
    ids,
    known_by,
    later,
    only,
    pick,
    texts,
    times,
)
from ingestion.samples.handling import Handling
from ingestion.samples.rhythm import Span
from ingestion.samples.tickets import CATEGORY_NAMES, CONSULT, REPAIR, SCENES, Tickets

IN_ITS_FLOW: Final = 0.96
ARTICLES_PER_CATEGORY: Final = 4
ARTICLES: Final = len(CATEGORY_NAMES) * ARTICLES_PER_CATEGORY
_ARTICLE_WEIGHTS: Final = (5, 3, 2, 1)
_LINKED: Final = (0.42, 0.70)  # share of solved questions and repairs, at the start and the end of the span
_LINKED_ELSEWHERE: Final = 0.6  # of that, for all other kinds
_STALE: Final = 0.22  # articles nobody has revised since they were written
_TYPES: Final = ("consumer", "business")


@dataclass
class Handbook:
    """One element per ticket: its flow and its article, -1 where there is none; and the articles themselves."""

    flow: Ints
    article: Ints
    written: Ints  # one element per article

    def flow_ids(self, rows: slice) -> pl.Series:
        return texts([flow["flow_id"] for flow in _flows()] or [""], self.flow[rows])

    def article_ids(self, rows: slice) -> pl.Series:
        return ids("KB", self.article[rows], 4)


def draw_handbook(
    rng: np.random.Generator, span: Span, people: Customers, tickets: Tickets, life: Handling
) -> Handbook:
    """Most tickets follow the flow meant for their customer and matter; more and more are solved with an article."""
    number = np.arange(ARTICLES, dtype=np.int64)
    # The first article of a category is older than every ticket; the others are written as time goes by.
    share = np.where(
        number % ARTICLES_PER_CATEGORY == 0, -0.4 * rng.random(ARTICLES), rng.random(ARTICLES) * 1.2 - 0.3
    )
    written = span.start + (share * (span.horizon - span.start)).astype(np.int64) // DAY * DAY
    written = np.minimum(written + between(rng, 9 * 3600, 18 * 3600, ARTICLES), span.horizon - DAY)
    flow = _flow(rng, people, tickets)
    return Handbook(only(flow, tickets.is_worked), _linked(rng, span, tickets, life, written), written)


def _flows() -> list[dict[str, str]]:
    with (SQL / "policies" / "flows.csv").open(encoding="utf-8-sig", newline="") as lines:
        return list(csv.DictReader(lines))


def _flow(rng: np.random.Generator, people: Customers, tickets: Tickets) -> Ints:
    """The flow that policies/flows.csv means for each ticket, or, for a few, another one."""
    count, flows = len(tickets), _flows()
    known = tickets.customer >= 0
    business = people.is_business[np.maximum(tickets.customer, 0)].astype(np.int64)
    codes = {
        "customer_type": (_TYPES, np.where(known, business, -1)),
        "tier": (TIERS, tickets.tier),
        "scene": (tuple(dict.fromkeys(SCENES)), _scene(tickets)),
    }
    flow = np.full(count, -1, dtype=np.int64)
    # The most specific flow is looked at last and stays.
    order = sorted(range(len(flows)), key=lambda row: sum(flows[row][name] != "" for name in codes))
    for row in order:
        fits = np.ones(count, dtype=np.bool_)
        for name, (words, code) in codes.items():
            if flows[row][name]:
                fits &= code == (words.index(flows[row][name]) if flows[row][name] in words else -2)
        flow[fits] = row
    elsewhere = (flow + between(rng, 1, max(len(flows), 2), count)) % max(len(flows), 1)
    return np.where((flow < 0) | chance(rng, IN_ITS_FLOW, count), flow, elsewhere)


def _scene(tickets: Tickets) -> Ints:
    words = list(dict.fromkeys(SCENES))
    return np.take([words.index(scene) for scene in SCENES], tickets.kind)


def _linked(rng: np.random.Generator, span: Span, tickets: Tickets, life: Handling, written: Ints) -> Ints:
    count = len(tickets)
    solved = known_by(span.horizon, life.resolved)
    low, high = _LINKED
    share: Floats = low + (high - low) * np.clip(span.share(tickets.created), 0, 1)
    share = share * np.where((tickets.kind == CONSULT) | (tickets.kind == REPAIR), 1.0, _LINKED_ELSEWHERE)
    first = tickets.category * ARTICLES_PER_CATEGORY
    article = first + pick(rng, _ARTICLE_WEIGHTS, count)
    article = np.where(written[article] <= solved, article, first)
    return only(article, (solved != NEVER) & tickets.is_worked & ~life.by_bot & chance(rng, share, count))


def article_frame(rng: np.random.Generator, span: Span, handbook: Handbook) -> pl.DataFrame:
    """The knowledge base, as exported."""
    written = handbook.written
    revised = later(written, (span.horizon - written) * rng.random(ARTICLES) ** 0.7)
    revised = np.where(chance(rng, _STALE, ARTICLES), written, revised)
    cited = np.bincount(handbook.article[handbook.article >= 0], minlength=ARTICLES)
    return pl.DataFrame(
        {
            "article_id": ids("KB", np.arange(ARTICLES, dtype=np.int64), 4),
            "created_at": times(written),
            "updated_at": times(revised),
            "views": cited * between(rng, 2, 9, ARTICLES) + between(rng, 0, 60, ARTICLES),
        }
    )
