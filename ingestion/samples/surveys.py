"""What customers say: a score right after the solution, a quarterly questionnaire, and would they recommend us.

Who answers depends on the outcome: the angry and the delighted answer more than the content.
"""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

import numpy as np
import polars as pl

from ingestion.samples.customers import VIP, Customers
from ingestion.samples.draw import (
    DAY,
    HOUR,
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
from ingestion.samples.rhythm import Span, seconds_of
from ingestion.samples.tickets import COMPLAINT, Tickets
from ingestion.samples.visits import Visits

KINDS: Final = ("instant", "quarterly", "nps")
INSTANT, QUARTERLY, NPS = range(3)
CHANNELS: Final = ("sms", "app", "wechat", "email")
DIMENSIONS: Final = ("overall", "attitude", "speed", "resolution", "value", "nps")
SENT_SHARE: Final = 0.8  # of solved tickets
ANSWER_RATE: Final = (0.47, 0.40, 0.23, 0.24, 0.33)  # by the score that would be given
_SCORE_EDGES: Final = (-1.95, -1.45, -0.95, 0.12)  # of the latent mood, between 1|2|3|4|5
_ASIDE: Final = (0.0, 0.25, -0.1, 0.0, -0.35)  # how each dimension leans against the overall score
QUARTERLY_SHARE: Final = 0.06  # of active customers, each quarter
NPS_SHARE: Final = 0.09
_LOW_COMMENTS: Final = (
    "等太久了",
    "问题没有解决，又坏了",
    "师傅没按约定时间来",
    "客服态度一般",
    "收费不透明",
    "反复打电话才有人管",
)
_MIDDLE_COMMENTS: Final = ("还可以", "一般般", "处理得有点慢", "希望能提前通知")
_HIGH_COMMENTS: Final = ("服务很好", "师傅很专业", "响应很快，谢谢", "问题当场解决", "会推荐给朋友")
_COMMENTS: Final = (*_LOW_COMMENTS, *_MIDDLE_COMMENTS, *_HIGH_COMMENTS)
_COMMENT_SHARE: Final = 0.22
WRITTEN_BACK: Final = 0.72  # of words and low scores beside a better overall one


@dataclass
class _Batch:
    """Surveys sent, with the score each customer would give (1..5, or 0..10 for nps)."""

    kind: int
    ticket: Ints
    customer: Ints
    sent: Ints
    overall: Ints
    answers: Flags


def survey_frames(
    rng: np.random.Generator,
    care_rng: np.random.Generator,
    span: Span,
    people: Customers,
    tickets: Tickets,
    life: Handling,
    visits: Visits,
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Surveys and their answers, as exported."""
    batches = [_after_service(rng, tickets, life.known_by(span.horizon), visits)]
    for day in _quarter_days(span):
        batches.append(_relational(rng, people, day, QUARTERLY, QUARTERLY_SHARE))
        batches.append(_relational(rng, people, day, NPS, NPS_SHARE))
    surveys, answers, offset = [], [], 0
    for batch in batches:
        frame, replies = _frames(rng, care_rng, span, batch, offset)
        surveys.append(frame)
        answers.append(replies)
        offset += len(batch.sent)
    return pl.concat(surveys), pl.concat(answers)


def _after_service(rng: np.random.Generator, tickets: Tickets, life: Handling, visits: Visits) -> _Batch:
    solved = life.resolved
    rows = np.flatnonzero((solved != NEVER) & tickets.is_worked & (tickets.customer >= 0))
    rows = rows[chance(rng, SENT_SHARE, len(rows))]
    mood = _mood(rng, tickets, life, visits)[rows]
    score = 1 + np.searchsorted(_SCORE_EDGES, mood)
    answers = chance(rng, np.take(ANSWER_RATE, score - 1), len(rows))
    sent = later(solved[rows], between(rng, 5 * MINUTE, 2 * HOUR, len(rows)))
    return _Batch(INSTANT, rows, tickets.customer[rows], sent, score, answers)


def _mood(rng: np.random.Generator, tickets: Tickets, life: Handling, visits: Visits) -> Floats:
    """Latent satisfaction: worse for slow answers, long waits, reopening, complaints and second visits."""
    count = len(tickets)
    visit_count = np.bincount(visits.ticket, minlength=count)
    answer_hours = np.where(life.answered == NEVER, 24.0, (life.answered - tickets.created) / HOUR)
    solve_days = np.where(life.resolved == NEVER, 5.0, (life.resolved - tickets.created) / DAY)
    mood = rng.standard_normal(count) + 0.5
    mood -= 0.16 * np.log1p(np.maximum(answer_hours, 0)) + 0.20 * np.log1p(np.maximum(solve_days, 0))
    mood -= 0.55 * (life.reopened != NEVER) + 0.75 * (tickets.kind == COMPLAINT) + 0.45 * (visit_count > 1)
    mood += 0.12 * (tickets.tier == VIP) - 0.35 * tickets.is_slow
    return np.asarray(mood, dtype=np.float64)


def _relational(rng: np.random.Generator, people: Customers, day: date, kind: int, share: float) -> _Batch:
    """One quarter's questionnaire to a sample of the customers then active."""
    at = seconds_of(day)
    active = (people.signup < at) & ((people.churned == NEVER) | (people.churned > at))
    customer = np.flatnonzero(active & chance(rng, share, len(people)))
    mood = rng.standard_normal(len(customer)) + 0.1 * people.last_tier[customer] - 0.27
    if kind == NPS:
        edges = (-2.6, -2.2, -1.95, -1.75, -1.55, -1.3, -0.95, -0.62, -0.1, 0.6)
        overall = np.searchsorted(edges, mood)
        rate = np.where(overall <= 3, 0.34, np.where(overall >= 9, 0.30, 0.22))
    else:
        overall = 1 + np.searchsorted(_SCORE_EDGES, mood + 0.27)
        rate = np.take(ANSWER_RATE, overall - 1) * 0.85
    sent = at + between(rng, 9 * HOUR, 18 * HOUR, len(customer))
    nobody = np.full(len(customer), -1, dtype=np.int64)
    return _Batch(kind, nobody, customer, sent, overall, chance(rng, rate, len(customer)))


def _frames(
    rng: np.random.Generator, care_rng: np.random.Generator, span: Span, batch: _Batch, offset: int
) -> tuple[pl.DataFrame, pl.DataFrame]:
    count = len(batch.sent)
    number = np.arange(count, dtype=np.int64) + offset
    responded = later(batch.sent, np.clip(lognormal(rng, 3 * HOUR, 1.5, count), 40, 9 * DAY))
    responded = known_by(span.horizon, only(responded, batch.answers))
    is_low = batch.overall <= (6 if batch.kind == NPS else 2)
    followup = later(responded, lognormal(rng, 20 * HOUR, 0.7, count))
    followup = known_by(span.horizon, only(followup, is_low & (responded != NEVER) & chance(rng, 0.72, count)))
    channel = pick(rng, (38, 24, 30, 8), count)
    rows = np.flatnonzero(responded != NEVER)
    answers = _answers(rng, batch, rows, number[rows])
    is_telling = pl.col("comment").is_not_null() | (pl.col("score") <= (6 if batch.kind == NPS else 2))
    telling = np.isin(number, answers.filter(is_telling)["survey_number"].to_numpy())
    written_back = _written_back(care_rng, span, responded, telling & ~is_low)
    surveys = pl.DataFrame(
        {
            "survey_id": ids("S", number),
            "kind": texts(KINDS, np.full(count, batch.kind)),
            "ticket_id": ids("T", batch.ticket),
            "customer_id": ids("C", batch.customer),
            "channel": texts(CHANNELS, channel),
            "sent_at": times(batch.sent),
            "responded_at": times(responded),
            "followup_at": times(np.where(followup == NEVER, written_back, followup)),
        }
    ).filter(pl.Series(batch.sent <= span.horizon))
    return surveys, answers.drop("survey_number")


def _written_back(rng: np.random.Generator, span: Span, responded: Ints, telling: Flags) -> Ints:
    """Words, and low scores beside a better overall one, are mostly looked into as well, a little sooner."""
    count = len(responded)
    at = later(responded, lognormal(rng, 16 * HOUR, 0.7, count))
    return known_by(span.horizon, only(at, telling & chance(rng, WRITTEN_BACK, count)))


def _answers(rng: np.random.Generator, batch: _Batch, rows: Ints, number: Ints) -> pl.DataFrame:
    """One row per survey and dimension; free text stands with the overall score."""
    is_nps = batch.kind == NPS
    dimensions = [len(DIMENSIONS) - 1] if is_nps else list(range(len(DIMENSIONS) - 1))
    survey = np.repeat(number, len(dimensions))
    dimension = np.tile(np.array(dimensions, dtype=np.int64), len(rows))
    overall = np.repeat(batch.overall[rows], len(dimensions))
    lean = 0.0 if is_nps else np.take(_ASIDE, dimension)
    noise = np.rint(rng.standard_normal(len(overall)) * 0.55 + lean)
    is_main = (dimension == 0) | is_nps
    score = np.where(is_main, overall, np.clip(overall + noise, 1, 5)).astype(np.int64)
    low, high = (6, 8) if is_nps else (2, 3)
    comment = np.where(score <= low, pick(rng, np.ones(len(_LOW_COMMENTS)), len(score)), -1)
    first_middle, first_high = len(_LOW_COMMENTS), len(_LOW_COMMENTS) + len(_MIDDLE_COMMENTS)
    middle = first_middle + pick(rng, np.ones(len(_MIDDLE_COMMENTS)), len(score))
    happy = first_high + pick(rng, np.ones(len(_HIGH_COMMENTS)), len(score))
    comment = np.where(score > low, np.where(score <= high, middle, happy), comment)
    comment = only(comment, is_main & chance(rng, _COMMENT_SHARE, len(score)))
    scale = (0, 10) if is_nps else (1, 5)
    return pl.DataFrame(
        {
            "survey_number": survey,
            "survey_id": ids("S", survey),
            "dimension": texts(DIMENSIONS, dimension),
            "score": score,
            "scale_min": np.full(len(score), scale[0]),
            "scale_max": np.full(len(score), scale[1]),
            "comment": texts(_COMMENTS, comment),
        }
    )


def _quarter_days(span: Span) -> list[date]:
    """The tenth day of the last month of each quarter, where it lies in the span."""
    days = [span.first + timedelta(days=offset) for offset in range((span.last - span.first).days + 1)]
    return [day for day in days if day.day == 10 and day.month % 3 == 0]
