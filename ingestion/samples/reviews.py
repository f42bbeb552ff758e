"""How people are trained, assessed and checked: courses, drills, assessments, quality reviews of tickets."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl

from ingestion.samples.crew import ACCOUNT_MANAGER, AGENT, ENGINEER, Crew, Staff
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
    texts,
    times,
)
from ingestion.samples.handling import Handling
from ingestion.samples.rhythm import Span, quarter_starts
from ingestion.samples.tickets import Tickets

KINDS: Final = ("能力评估", "演练考核", "360度评估", "管理能力评估")
CAPABILITY, DRILL, ROUND, MANAGING = range(4)
RATERS: Final = ("客户", "同事", "上级", "本人")
CUSTOMER, COLLEAGUE, SUPERIOR, SELF = range(4)
PASS_MARKS: Final = (80, 75, -1, 85)  # by kind; nobody passes or fails a 360° round
TRAININGS: Final = ("course", "drill")
COURSE_SHARE: Final = 0.3  # of the front line, each quarter
DRILL_SHARE: Final = 0.87
ASSESSED_SHARE: Final = 0.97
REVIEWED_SHARE: Final = 0.04  # of closed tickets
REVIEW_PASS_MARK: Final = 80
_LEVEL: Final = (88.0, 86.0, 87.0, 92.0)  # mean score by kind
_NOISE: Final = 4.0
_ROUND_RATERS: Final = (CUSTOMER, CUSTOMER, COLLEAGUE, COLLEAGUE, COLLEAGUE, SUPERIOR, SELF)
_RATER_LEAN: Final = (-1.5, 0.5, -0.5, 3.0)
_LEARNING: Final = 180 * DAY  # those hired less than this ago still score lower
_LEARNING_GAP: Final = 6.0


@dataclass
class Lessons:
    """Who did which course or drill when; `person` is a row of the staff list."""

    person: Ints
    kind: Ints
    done: Ints


@dataclass
class _Sheet:
    """Assessments of one kind; `rater` is -1 where a test was marked by no person."""

    kind: int
    person: Ints
    rater: Ints
    at: Ints


def draw_lessons(rng: np.random.Generator, span: Span, staff: Staff) -> Lessons:
    """Courses at any time, and a drill each quarter that most of the front line takes part in."""
    starts = quarter_starts(span)
    courses = _invited(rng, span, staff, _front_line(staff), starts, COURSE_SHARE, spread=80)
    drill_days = starts + between(rng, 40, 60, len(starts)) * DAY
    drills = _invited(rng, span, staff, _front_line(staff), drill_days, DRILL_SHARE, spread=3)
    kind = np.repeat(np.array([0, 1]), [len(courses[0]), len(drills[0])])
    person, done = (np.concatenate(pair) for pair in zip(courses, drills, strict=True))
    order = np.argsort(done, kind="stable")
    return Lessons(person[order], kind[order], done[order])


def training_frame(staff: Staff, lessons: Lessons) -> pl.DataFrame:
    """Courses and drills, as exported."""
    return pl.DataFrame(
        {
            "training_id": ids("TR", np.arange(len(lessons.person), dtype=np.int64)),
            "staff_id": staff.ids().gather(lessons.person),
            "kind": texts(TRAININGS, lessons.kind),
            "done_at": times(lessons.done),
        }
    )


def assessment_frame(rng: np.random.Generator, span: Span, staff: Staff, lessons: Lessons) -> pl.DataFrame:
    """Tests each quarter and after each drill, managers each half-year, 360° rounds once a year, as exported."""
    starts = quarter_starts(span)
    leading = (staff.role != AGENT) & (staff.role != ENGINEER) & (staff.role != ACCOUNT_MANAGER)
    drilled = lessons.kind == 1
    after = later(lessons.done[drilled], between(rng, HOUR, 5 * HOUR, int(drilled.sum())))
    known = after <= span.horizon
    sheets = [
        _unrated(CAPABILITY, *_invited(rng, span, staff, _front_line(staff), starts + 70 * DAY, ASSESSED_SHARE, 14)),
        _unrated(DRILL, lessons.person[drilled][known], after[known]),
        _unrated(MANAGING, *_invited(rng, span, staff, leading, starts[1::2] + 30 * DAY, 1.0, 20)),
        _rounds(rng, *_invited(rng, span, staff, staff.role >= 0, starts[1::4] + 50 * DAY, 0.9, 10)),
    ]
    person, rater, at = (
        np.concatenate([getattr(sheet, name) for sheet in sheets]) for name in ("person", "rater", "at")
    )
    kind = np.repeat([sheet.kind for sheet in sheets], [len(sheet.at) for sheet in sheets])
    order = np.argsort(at, kind="stable")
    kind, person, rater, at = kind[order], person[order], rater[order], at[order]
    score = _scores(rng, staff, kind, person, rater, at)
    mark = np.take(PASS_MARKS, kind)
    told = (mark >= 0) & ~chance(rng, 0.05, len(order))
    return pl.DataFrame(
        {
            "评估编号": ids("AS", np.arange(len(order), dtype=np.int64)),
            "工号": staff.ids().gather(person),
            "评估类型": texts(KINDS, kind),
            "评价人": texts(RATERS, rater),
            "评估时间": times(at),
            "得分": score,
            "及格线": texts([str(number) for number in range(101)], mark),
            "是否达标": texts(("否", "是"), np.where(told, score >= mark, -1)),
        }
    )


def _front_line(staff: Staff) -> Flags:
    return np.asarray((staff.role == AGENT) | (staff.role == ENGINEER), dtype=np.bool_)


def _invited(
    rng: np.random.Generator, span: Span, staff: Staff, who: Flags, days: Ints, share: float, spread: int
) -> tuple[Ints, Ints]:
    """A share of these people, near each of these days, in office hours, while employed: person and instant."""
    people = np.flatnonzero(who)
    person, day = np.repeat(people, len(days)), np.tile(days, len(people))
    at = day + between(rng, 0, spread, len(day)) * DAY + between(rng, 9 * HOUR, 17 * HOUR, len(day))
    keep = chance(rng, share, len(at)) & (at <= span.horizon) & (at >= span.start)
    keep &= (staff.hired[person] + 14 * DAY <= at) & ((staff.left[person] == NEVER) | (at < staff.left[person]))
    return person[keep], at[keep]


def _unrated(kind: int, person: Ints, at: Ints) -> _Sheet:
    return _Sheet(kind, person, np.full(len(person), -1, dtype=np.int64), at)


def _rounds(rng: np.random.Generator, person: Ints, at: Ints) -> _Sheet:
    """Everybody is rated by several; now and then somebody does not hand the sheet in."""
    each = len(_ROUND_RATERS)
    person, at = np.repeat(person, each), np.repeat(at, each)
    rater = np.tile(np.array(_ROUND_RATERS, dtype=np.int64), len(at) // each)
    handed_in = chance(rng, 0.88, len(at))
    return _Sheet(ROUND, person[handed_in], rater[handed_in], at[handed_in])


def _scores(rng: np.random.Generator, staff: Staff, kind: Ints, person: Ints, rater: Ints, at: Ints) -> Ints:
    able: Floats = rng.standard_normal(len(staff)) * 3.0
    score = np.take(_LEVEL, kind) + able[person] + _NOISE * rng.standard_normal(len(kind))
    score -= _LEARNING_GAP * (at - staff.hired[person] < _LEARNING)
    score += np.where(rater >= 0, np.take(_RATER_LEAN, np.maximum(rater, 0)), 0.0)
    return np.asarray(np.clip(np.rint(score), 0, 100), dtype=np.int64)


def qa_frame(rng: np.random.Generator, span: Span, tickets: Tickets, life: Handling, crew: Crew) -> pl.DataFrame:
    """Quality reviews of some closed tickets, days after they closed, as exported."""
    closed = known_by(span.horizon, life.closed)
    rows = np.flatnonzero((closed != NEVER) & tickets.is_worked & ~life.by_bot)
    rows = rows[chance(rng, REVIEWED_SHARE, len(rows))]
    reviewed = later(closed[rows], between(rng, DAY, 7 * DAY, len(rows)))
    known = reviewed <= span.horizon
    rows, reviewed = rows[known], reviewed[known]
    is_new = tickets.created[rows] - crew.agents.since[tickets.agent[rows]]
    score = 89.5 + 5.5 * rng.standard_normal(len(rows)) - 5.0 * ((is_new >= 0) & (is_new < _LEARNING))
    score = np.clip(np.rint(score), 0, 100).astype(np.int64)
    order = np.argsort(reviewed, kind="stable")
    return pl.DataFrame(
        {
            "质检单号": ids("QA", np.arange(len(order), dtype=np.int64)),
            "工单编号": ids("T", rows[order]),
            "质检时间": times(reviewed[order]),
            "质检得分": score[order],
            "是否合格": texts(("否", "是"), (score[order] >= REVIEW_PASS_MARK).astype(np.int64)),
        }
    )
