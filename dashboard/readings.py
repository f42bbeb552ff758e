"""One KPI value with everything that must stand beside it, and what may be said about it.

Whether a change is real, whether a target is met and whether the number may be shown at all are
decided here, once, so that a card, a table and a list of "what needs attention" never disagree.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from math import hypot, inf, sqrt
from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dashboard.periods import Period

Verdict = Literal["better", "worse", "unclear", "none"]

HIDE_BELOW: Final = 10
_Z: Final = 1.96
_UNSHOWN: Final = ("empty", "not_connected", "not_reached", "no_history", "unsplit")
_LATE_START: Final = 0.05


@dataclass(frozen=True)
class Reading:
    """One row of query.values."""

    kpi: str
    state: str
    value: float | None
    numerator: int | None
    denominator: int | None
    n: int
    lower: float | None
    upper: float | None
    definition_version: str = ""

    @classmethod
    def of(cls, row: Mapping[str, object]) -> Reading:
        known = {name: row.get(name) for name in cls.__dataclass_fields__}
        known["n"] = known["n"] or 0
        known["definition_version"] = known["definition_version"] or ""
        return cls(**known)  # type: ignore[arg-type]  # a frame's row carries no types

    @property
    def is_connected(self) -> bool:
        return self.state != "not_connected"

    @property
    def is_shown(self) -> bool:
        """False: there is no number, or so few cases that the number would mislead."""
        return self.value is not None and self.state not in _UNSHOWN and not self.is_too_few

    @property
    def is_too_few(self) -> bool:
        return self.state == "small_n" and self.n < HIDE_BELOW

    @property
    def is_doubtful(self) -> bool:
        """Few cases: shown in grey, without arrow, rank or verdict."""
        return self.state == "small_n"

    @property
    def is_provisional(self) -> bool:
        return self.state == "provisional"


@dataclass(frozen=True)
class Target:
    """One absolute target that holds on the day the data reach."""

    value: float
    source: str = ""
    valid_from: date | None = None
    valid_to: date | None = None

    def is_met(self, reading: Reading, better: str) -> bool | None:
        """None: nothing can be said (no number, too few cases, or no direction is better)."""
        if reading.value is None or not reading.is_shown or reading.is_doubtful or better == "neutral":
            return None
        return reading.value >= self.value if better == "higher" else reading.value <= self.value

    def is_crossed(self, lower: float | None, upper: float | None, better: str) -> bool:
        """Whether it is met at one end of an interval and missed at the other; an end that is None is open."""
        if better == "neutral":
            return False
        least, most = -inf if lower is None else lower, inf if upper is None else upper
        return least < self.value <= most if better == "higher" else least <= self.value < most


def reaches(first_date: date | None, period: Period, counted_on: date | None, *, is_count: bool) -> bool:
    """Whether the data tell about an earlier period at all. Where they begin within it a count of it is too small.

    A twentieth of the period is let pass: a year whose first complaint came in on the third of January is a year.
    """
    if first_date is None:
        return False
    if counted_on is not None:
        return first_date <= counted_on
    slack = timedelta(days=int(period.days * _LATE_START)) if is_count else period.last - period.first
    return first_date <= period.first + slack


def compare(now: Reading, earlier: Reading | None, better: str) -> Verdict:
    """Did the KPI move, and for better or worse? "unclear" means: within the 95 % error."""
    if earlier is None or not _comparable(now) or not _comparable(earlier):
        return "none"
    if now.value == earlier.value or better == "neutral" or not _is_beyond_noise(now, earlier):
        return "unclear"
    rose = now.value > earlier.value  # type: ignore[operator]  # _comparable: neither is None
    return "better" if rose == (better == "higher") else "worse"


def distance(now: Reading, earlier: Reading) -> float:
    """How many times its own noise a KPI moved: above 1 is beyond the 95 % error."""
    high, low = (now, earlier) if now.value > earlier.value else (earlier, now)  # type: ignore[operator]
    noise = _noise(high, low)
    return ((high.value or 0.0) - (low.value or 0.0)) / noise if noise else inf


def _comparable(reading: Reading) -> bool:
    return reading.is_shown and not reading.is_doubtful


def _is_beyond_noise(now: Reading, earlier: Reading) -> bool:
    """Newcombe's rule: the difference against the two half-intervals that face each other.

    A count carries no interval; it varies from year to year by about the root of itself (Poisson).
    """
    return distance(now, earlier) > 1


def _noise(high: Reading, low: Reading) -> float:
    top, bottom = high.value or 0.0, low.value or 0.0
    below = _Z * sqrt(abs(top)) if high.lower is None else top - high.lower
    above = _Z * sqrt(abs(bottom)) if low.upper is None else low.upper - bottom
    return hypot(below, above)
