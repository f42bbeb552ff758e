"""Complaints: graded, planned, settled or not, confirmed by the customer; each belongs to a complaint ticket."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl

from ingestion.samples.crew import Crew
from ingestion.samples.draw import (
    DAY,
    HOUR,
    MINUTE,
    NEVER,
    Flags,
    Ints,
    between,
    chance,
    ids,
    known_by,
    later,
    lognormal,
    newest,
    only,
    pick,
    pick_by_row,
    texts,
    times,
)
from ingestion.samples.rhythm import OpenHours, Span
from ingestion.samples.tickets import AGENTS_PER_TEAM, CATEGORIES, COMPLAINT, PER_KIND, TEAMS, Tickets

GRADES: Final = ("一般", "重大")
GENERAL, MAJOR = range(2)
OUTCOMES: Final = ("已化解", "未化解", "已撤诉")
SETTLED, UNSETTLED, WITHDRAWN = range(3)
MAJOR_SHARE: Final = 0.15
STILL_OPEN_SHARE: Final = 0.012
_OUTCOME_WEIGHTS: Final = (96.0, 2.6, 1.4)
_RESOLVED_MEDIAN: Final = (4.6 * HOUR, 28 * HOUR)  # by grade, in the 14 open hours of a day
_RESOLVED_SIGMA: Final = (0.85, 0.6)
_PLANNED_MEDIAN: Final = (2.5 * HOUR, 11 * HOUR)
_PLANNED_SIGMA: Final = (0.6, 0.62)
_OPENINGS: Final = ("多次联系仍未处理", "希望尽快给出说法", "处理结果与承诺不一致", "同样的问题再次出现")


@dataclass
class Complaints:
    """One element per complaint; `ticket` is the row of the ticket. Instants may lie beyond the export's end."""

    ticket: Ints
    grade: Ints
    graded: Ints
    planned: Ints
    resolved: Ints
    outcome: Ints
    confirmed: Ints

    def resolved_of(self, tickets: int) -> Ints:
        """By ticket: when its complaint was resolved."""
        resolved = np.full(tickets, NEVER, dtype=np.int64)
        resolved[self.ticket] = self.resolved
        return resolved


def draw_complaints(rng: np.random.Generator, service: OpenHours, tickets: Tickets, answered: Ints) -> Complaints:
    """Handle every complaint ticket; a few are never resolved."""
    rows = np.flatnonzero((tickets.kind == COMPLAINT) & tickets.is_worked)
    count = len(rows)
    received, slowness = tickets.created[rows], tickets.slowness[rows]
    grade = np.where(chance(rng, MAJOR_SHARE, count), MAJOR, GENERAL)
    graded = received + np.clip(lognormal(rng, 18 * MINUTE, 0.8, count), 30, 2 * DAY).astype(np.int64)
    planned = service.add(received, slowness * _by_grade(rng, grade, _PLANNED_MEDIAN, _PLANNED_SIGMA))
    resolved = service.add(received, slowness * _by_grade(rng, grade, _RESOLVED_MEDIAN, _RESOLVED_SIGMA))
    resolved = newest(resolved, later(answered[rows], 10 * MINUTE), graded + 5 * MINUTE)
    open_for_good = chance(rng, STILL_OPEN_SHARE, count)
    planned = np.where(open_for_good, planned, np.minimum(planned, resolved))
    skips_plan: Flags = (grade == GENERAL) & chance(rng, 0.4, count)
    resolved = only(resolved, ~open_for_good)
    outcome = np.where(open_for_good, -1, pick(rng, _OUTCOME_WEIGHTS, count))
    confirms = (outcome == SETTLED) & chance(rng, 0.88, count)
    confirmed = only(later(resolved, lognormal(rng, 9 * HOUR, 1.0, count)), confirms)
    return Complaints(rows, grade, graded, only(planned, ~skips_plan), resolved, outcome, confirmed)


def _by_grade(
    rng: np.random.Generator, grade: Ints, medians: tuple[float, float], sigmas: tuple[float, float]
) -> Ints:
    drawn = lognormal(rng, np.take(medians, grade), np.take(sigmas, grade), len(grade))
    return drawn.astype(np.int64)


def complaint_frame(
    rng: np.random.Generator, span: Span, tickets: Tickets, complaints: Complaints, crew: Crew
) -> pl.DataFrame:
    """Complaints as exported, with what was known by then."""
    rows, horizon = complaints.ticket, span.horizon
    count = len(rows)
    resolved, graded = known_by(horizon, complaints.resolved), known_by(horizon, complaints.graded)
    planned, confirmed = known_by(horizon, complaints.planned), known_by(horizon, complaints.confirmed)
    received = tickets.created[rows]
    owner = crew.agents.holder(tickets.agent[rows], received)
    colleague = TEAMS.index("投诉处理组") * AGENTS_PER_TEAM + between(rng, 0, AGENTS_PER_TEAM, count)
    colleague = crew.agents.holder(colleague, received)
    reason = tickets.category[rows] - COMPLAINT * PER_KIND
    opening = texts(_OPENINGS, pick_by_row(rng, ((4, 3, 2, 1),), np.zeros(count, dtype=np.int64)))
    reason_text = texts(CATEGORIES[COMPLAINT], reason)
    return pl.DataFrame(
        {
            "投诉编号": ids("CP", rows),
            "关联工单": ids("T", rows),
            "客户编号": ids("C", tickets.customer[rows]),
            "投诉等级": texts(GRADES, complaints.grade),
            "定级时间": times(graded),
            "投诉原因": reason_text,
            "投诉事项": reason_text + "-" + ids("M", tickets.product[rows], 2),
            "受理时间": times(received),
            "首接人": ids("AG", owner, 3),
            "责任人": ids("AG", np.where(chance(rng, 0.09, count), colleague, owner), 3),
            "方案反馈时间": times(planned),
            "解决时间": times(resolved),
            "处理结果": texts(OUTCOMES, np.where(resolved == NEVER, -1, complaints.outcome)),
            "客户确认时间": times(confirmed),
            "投诉内容": opening + "：" + reason_text,
            "更新时间": times(newest(received, graded, planned, resolved, confirmed)),
        }
    )
