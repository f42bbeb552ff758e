"""Field visits of repair tickets: dispatched, promised, arrived, finished, accepted; up to three a ticket."""

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
    only,
    pick_by_row,
    texts,
    times,
)
from ingestion.samples.places import ENGINEERS_PER_OUTLET, outlet_in
from ingestion.samples.rhythm import OpenHours, Span
from ingestion.samples.stories import REPEAT_FIXED_AT_FIRST_VISIT, Stories
from ingestion.samples.tickets import PER_KIND, REPAIR, Tickets

RESULTS: Final = ("已修复", "未修复", "待配件", "无人在家", "已取消")
FIXED, NOT_FIXED, WAITING_PART, NO_ACCESS, CANCELLED = range(5)
VISITED_SHARE: Final = 0.78
UNDISPATCHED_SHARE: Final = 0.012
MAX_VISITS: Final = 3
MISJUDGED: Final = 0.11  # first diagnoses that are not the fault found
# Results of first, second and third visits, and of first visits of the product that keeps coming back.
_first_rest = 1 - REPEAT_FIXED_AT_FIRST_VISIT
_RESULT_WEIGHTS: Final = (
    (0.835, 0.050, 0.065, 0.030, 0.020),
    (0.900, 0.040, 0.030, 0.020, 0.010),
    (0.990, 0.010, 0.000, 0.000, 0.000),
    (REPEAT_FIXED_AT_FIRST_VISIT, 0.60 * _first_rest, 0.25 * _first_rest, 0.10 * _first_rest, 0.05 * _first_rest),
)
_REPEAT_ROW: Final = 3
_DISPATCH_MEDIAN: Final = 18 * MINUTE
_DISPATCH_SIGMA: Final = 0.8
_REVISIT_MEDIAN: Final = (0, 30 * HOUR, 110 * HOUR, 20 * HOUR)  # by result of the visit before
_SLOTS: Final = (9, 11, 14, 16, 18)  # promised windows begin at these hours and last two
_DAYS_AHEAD: Final = ((35, 42, 17, 6), (60, 33, 6, 1), (80, 18, 2, 0), (95, 5, 0, 0))  # by priority
_DIAGNOSES: Final = ("D01-电源", "D02-压缩系统", "D03-管路密封", "D04-传动部件", "D05-控制板", "D06-通信模块")


@dataclass
class Visits:
    """One element per visit; `ticket` is the row of the ticket. Instants may lie beyond the export's end."""

    ticket: Ints
    number: Ints
    outlet: Ints
    engineer: Ints  # the post: who holds it, Crew knows
    dispatched: Ints
    promised: Ints
    arrived: Ints
    finished: Ints
    accepted: Ints
    result: Ints
    fault: Ints

    def last_of(self, tickets: int) -> tuple[Ints, Ints]:
        """By ticket: when the last visit ended, and when it was accepted; NEVER without visits."""
        ended, accepted = (np.full(tickets, NEVER, dtype=np.int64) for _ in range(2))
        # Visits are in order of number, so a later one overwrites an earlier one.
        ended[self.ticket] = np.where(self.finished == NEVER, self.dispatched + HOUR, self.finished)
        accepted[self.ticket] = self.accepted
        return ended, accepted


def draw_visits(
    rng: np.random.Generator, service: OpenHours, tickets: Tickets, answered: Ints, stories: Stories
) -> Visits:
    """Send engineers until the fault is fixed, the visit is cancelled, or the third visit is over."""
    count = len(tickets)
    goes = tickets.is_worked & (tickets.kind == REPAIR) & (tickets.region >= 0)
    goes &= chance(rng, VISITED_SHARE, count) & ~chance(rng, UNDISPATCHED_SHARE, count)
    rows = np.flatnonzero(goes)
    wait = lognormal(rng, _DISPATCH_MEDIAN, _DISPATCH_SIGMA, len(rows)) * tickets.slowness[rows]
    dispatched = service.add(tickets.created[rows], wait)
    # The desk rings back first, then dispatches.
    dispatched = np.maximum(dispatched, later(answered[rows], 2 * MINUTE))
    outlet = outlet_in(tickets.region[rows], rng.random(len(rows)))
    rounds = []
    for number in range(1, MAX_VISITS + 1):
        visit = _one_round(rng, tickets, rows, number, dispatched, outlet, stories.repeat_product)
        rounds.append(visit)
        again = (visit.result != FIXED) & (visit.result != CANCELLED)
        rows, outlet = rows[again], outlet[again]
        wait = np.take(_REVISIT_MEDIAN, visit.result[again]) * np.exp(0.5 * rng.standard_normal(len(rows)))
        dispatched = service.add(visit.finished[again], wait * 14 / 24)
    names = list(Visits.__dataclass_fields__)
    joined = {name: np.concatenate([getattr(part, name) for part in rounds]) for name in names}
    order = np.lexsort((joined["number"], joined["ticket"]))
    return Visits(**{name: values[order] for name, values in joined.items()})


def _one_round(
    rng: np.random.Generator,
    tickets: Tickets,
    rows: Ints,
    number: int,
    dispatched: Ints,
    outlet: Ints,
    repeat_product: int,
) -> Visits:
    count = len(rows)
    table = np.full(count, number - 1)
    if number == 1:
        table = np.where(tickets.product[rows] == repeat_product, _REPEAT_ROW, table)
    result = pick_by_row(rng, _RESULT_WEIGHTS, table)
    promised = _promise(rng, tickets, rows, dispatched)
    arrived = promised + between(rng, -15 * MINUTE, 110 * MINUTE, count)
    late = chance(rng, 0.11, count) | (tickets.is_slow[rows] & chance(rng, 0.3, count))
    arrived = np.where(late, promised + between(rng, 125 * MINUTE, 5 * HOUR, count), arrived)
    arrived = only(np.maximum(arrived, dispatched + 20 * MINUTE), result != CANCELLED)
    work = np.where(result == NO_ACCESS, between(rng, 5 * MINUTE, 20 * MINUTE, count), 0)
    work = np.where(work > 0, work, np.clip(lognormal(rng, 55 * MINUTE, 0.45, count), 600, 6 * HOUR))
    finished = later(arrived, work)
    # Most sign at the door, some confirm in the app days later, a few never do.
    slow_hand = chance(rng, 0.15, count)
    hand = np.where(slow_hand, lognormal(rng, 20 * HOUR, 0.6, count), between(rng, MINUTE, 15 * MINUTE, count))
    accepted = only(later(finished, hand), (result == FIXED) & chance(rng, 0.94, count))
    engineer = outlet * ENGINEERS_PER_OUTLET + between(rng, 0, ENGINEERS_PER_OUTLET, count)
    fault = tickets.category[rows] - REPAIR * PER_KIND
    return Visits(
        rows, np.full(count, number, dtype=np.int64), outlet, engineer, dispatched, promised, arrived,
        finished, accepted, result, fault,
    )  # fmt: skip


def _promise(rng: np.random.Generator, tickets: Tickets, rows: Ints, dispatched: Ints) -> Ints:
    """Start of the promised window: the same day where an hour is left, mostly the next, later when slow."""
    days = pick_by_row(rng, _DAYS_AHEAD, tickets.priority[rows])
    days = np.where(tickets.is_slow[rows], days * 2 + 2, days)
    slot = np.take(_SLOTS, (rng.random(len(rows)) * len(_SLOTS)).astype(np.int64))
    promised = (dispatched // DAY + days) * DAY + slot * HOUR
    return np.asarray(np.where(promised < dispatched + HOUR, promised + DAY, promised), dtype=np.int64)


def repaired_free(rng: np.random.Generator, tickets: Tickets, visits: Visits) -> pl.DataFrame:
    """Repairs after which something was sent free of charge: customer, product, at."""
    fixed: Flags = (visits.result == FIXED) & chance(rng, 0.07, len(visits.ticket))
    rows = visits.ticket[fixed]
    return pl.DataFrame(
        {"customer": tickets.customer[rows], "product": tickets.product[rows], "at": visits.finished[fixed]}
    )


def visit_frame(rng: np.random.Generator, span: Span, visits: Visits, crew: Crew) -> pl.DataFrame:
    """Visits as exported: only those already dispatched, each with what was known by then."""
    horizon, count = span.horizon, len(visits.ticket)
    other = (visits.fault + between(rng, 1, PER_KIND, count)) % PER_KIND
    diagnosis = np.where(chance(rng, MISJUDGED, count), other, visits.fault)
    finished = known_by(horizon, visits.finished)
    known = (finished != NEVER) | ((visits.result == CANCELLED) & (visits.dispatched + HOUR <= horizon))
    fault = texts([f"F{number:02d}" for number in range(1, PER_KIND + 1)], np.where(known, visits.fault, -1))
    visit_id = ids("V", visits.ticket) + "-" + pl.Series(visits.number).cast(pl.String)
    frame = pl.DataFrame(
        {
            "上门单号": visit_id,
            "工单编号": ids("T", visits.ticket),
            "第几次上门": visits.number,
            "工程师": ids("E", crew.engineers.holder(visits.engineer, visits.dispatched), 5),
            "服务网点": ids("OUT", visits.outlet, 4),
            "派单时间": times(visits.dispatched),
            "预约开始": times(visits.promised),
            "预约结束": times(visits.promised + 2 * HOUR),
            "到场时间": times(known_by(horizon, visits.arrived)),
            "完成时间": times(finished),
            "验收时间": times(known_by(horizon, visits.accepted)),
            "处理结果": texts(RESULTS, np.where(known, visits.result, -1)),
            "诊断代码": texts(_DIAGNOSES, np.where(known, diagnosis, -1)),
            "故障代码": fault,
        }
    )
    return frame.filter(pl.Series(visits.dispatched <= horizon))
