"""Where service stands out for the worse: the region, product or tier that nobody would find by browsing.

Every region and product is set against all others over the same dates, and every tier of a cohort against itself a
year earlier: VIP customers leave more seldom than others anyway, so only a change of theirs is news. Two cohorts a
year apart share no day of the 365 that each is watched. Thousands of comparisons find something by luck alone; only
what survives Benjamini and Hochberg's rule is told.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import erfc, hypot, sqrt
from typing import TYPE_CHECKING, Final

from dashboard import readings
from dashboard.periods import Period, shift_months
from dashboard.session import Question

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from datetime import date

    import polars as pl

    from dashboard.session import View
    from ingestion.warehouse.kpis import Kpi

if TYPE_CHECKING:
    Usual = Callable[[str, date | None], readings.Reading | None]

APART: Final = (
    "first_response_time", "sla_response_met", "resolution_time", "sla_resolution_met", "first_fix_rate",
    "repeat_repair_30d", "reopen_rate", "csat", "complaint_closure_rate",
)  # fmt: skip
APART_BY: Final = ("region", "product")
COHORTS: Final = ("churn_365d",)
COHORTS_BY: Final = ("tier",)
COHORT_MONTHS: Final = 24
MOST: Final = 6
FALSE_SHARE: Final = 0.02
"""Of what is told, at most this share may be luck."""
_Z: Final = 1.96
# Days from which on a quarter can be told from the whole.
_LONG: Final = 180
# Smaller gaps are real on ten million tickets, and nobody's concern.
_LEAST: Final = {"ratio": 0.03, "score": 0.1, "points": 5.0}
_LEAST_OF_WHOLE: Final = 0.2


@dataclass(frozen=True)
class Standout:
    """A slice that is worse than it should be. period: the dates where it is so; usual: what it is set against."""

    kpi_id: str
    dimension: str
    value: str
    period: Period | None
    now: readings.Reading
    usual: float
    z: float
    is_own_past: bool = False
    also: tuple[str, ...] = ()


def find(view: View) -> list[Standout]:
    """The slices that stand out most under the reader's filter, each once, the surest first."""
    asked = _asked(view)
    frames = view.ask_all([one for one, _ in asked])
    by_question = {one: frame for (one, _), frame in zip(asked, frames, strict=True)}
    candidates: list[Standout] = []
    for question, whole in asked:
        if question.by:
            frame = by_question[question]
            usual = _own_past(frame, question) if whole is None else _whole(by_question[whole])
            candidates += _compared(view, question, frame, usual, is_own_past=whole is None)
    return merged(surest(candidates))


def _asked(view: View) -> list[tuple[Question, Question | None]]:
    """Questions by slice with the question of the whole they are set against (None: against their own past)."""
    asked: list[tuple[Question, Question | None]] = []
    steps = ("total", "quarter") if view.choice.period.days >= _LONG else ("total",)
    for kpi in view.kpis(*APART):
        if view.missing(kpi) or view.unsplit(kpi):
            continue
        for step in steps:
            whole = Question(kpi, (), step)
            asked.append((whole, None))
            asked += [(Question(kpi, (by,), step), whole) for by in APART_BY if by in kpi.dimensions]
    for kpi in view.kpis(*COHORTS):
        if not view.missing(kpi) and not view.unsplit(kpi):
            dates = view.ripe_months(kpi, COHORT_MONTHS)
            asked += [(Question(kpi, (by,), "month", dates), None) for by in COHORTS_BY]
    return asked


def _whole(whole: pl.DataFrame) -> Usual:
    """Every slice is set against the whole of the same dates."""
    by_period = {row["period"]: readings.Reading.of(row) for row in whole.to_dicts()}
    return lambda _, period: by_period.get(period)


def _own_past(slices: pl.DataFrame, question: Question) -> Usual:
    """Every cohort of a slice is set against the slice's cohort of the same month a year earlier."""
    cohorts = {(str(row[question.by[0]]), row["period"]): readings.Reading.of(row) for row in slices.to_dicts()}
    return lambda value, period: cohorts.get((value, shift_months(period, -12))) if period else None


def _compared(
    view: View, question: Question, slices: pl.DataFrame, usual: Usual, *, is_own_past: bool
) -> Iterable[Standout]:
    name = question.by[0]
    chosen = dict(view.choice.where).get(name, ())
    # One region looked at alone cannot stand apart from the rest of the selection.
    if len(chosen) == 1 and not is_own_past:
        return
    for row in slices.to_dicts():
        value, now = str(row[name]), readings.Reading.of(row)
        other = usual(value, row["period"])
        z = None if value == "unknown" or other is None else apart(now, other, question.kpi)
        if z is not None and other is not None and other.value is not None:
            period = view.step_dates(row["period"], question)
            yield Standout(question.kpi.id, name, value, period, now, other.value, z, is_own_past)


def apart(now: readings.Reading, other: readings.Reading, kpi: Kpi) -> float | None:
    """How many standard errors a slice is worse than what it is set against; None where nothing can be said.

    0 where it is not worse, or by so little that nobody cares: also that is a comparison made.
    """
    if not now.is_shown or now.is_doubtful or now.value is None or other.value is None or kpi.better == "neutral":
        return None
    worse = now.value - other.value if kpi.better == "lower" else other.value - now.value
    least = _LEAST.get(kpi.unit, _LEAST_OF_WHOLE * abs(other.value))
    near = now.lower if now.value > other.value else now.upper
    far = other.upper if now.value > other.value else other.lower
    if near is None:
        return None
    spread = hypot(now.value - near, 0.0 if far is None else far - other.value) / _Z
    if spread <= 0:
        return None
    return worse / spread if worse >= least else 0.0


def surest(candidates: Sequence[Standout]) -> list[Standout]:
    """Of all comparisons those that survive Benjamini and Hochberg's rule, the surest first."""
    ranked = sorted(candidates, key=lambda one: one.z, reverse=True)
    tested = max(len(ranked), 1)
    kept = 0
    for place, one in enumerate(ranked, start=1):
        if erfc(one.z / sqrt(2)) / 2 <= FALSE_SHARE * place / tested:
            kept = place
    return ranked[:kept]


def merged(ranked: Sequence[Standout]) -> list[Standout]:
    """Each slice once, by what is surest about it, with the other KPIs in which it stands out too."""
    found: dict[tuple[str, str], list[Standout]] = {}
    for one in ranked:
        found.setdefault((one.dimension, one.value), []).append(one)
    told: list[Standout] = []
    for several in list(found.values())[:MOST]:
        first = several[0]
        others = tuple(dict.fromkeys(one.kpi_id for one in several if one.kpi_id != first.kpi_id))
        told.append(
            Standout(
                first.kpi_id, first.dimension, first.value, first.period, first.now, first.usual, first.z,
                first.is_own_past, others,
            )
        )  # fmt: skip
    return told
