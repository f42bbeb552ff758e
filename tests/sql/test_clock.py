"""The business clock B(a, b) against a walk over every minute, with holidays from the calendar library itself."""

from collections.abc import Callable
from datetime import date, datetime, timedelta
from itertools import pairwise
from random import Random

import chinese_calendar
import numpy as np
import pytest

Rows = list[tuple[object, ...]]
RunModel = Callable[..., Rows]

FIRST, LAST = date(2021, 1, 1), date(2026, 12, 31)
WINDOWS = ((9 * 60, 12 * 60), (13 * 60, 18 * 60))  # minutes of the day, as DECISIONS.md "Office hours"
ZONE = timedelta(hours=8)


def open_minutes() -> np.ndarray:
    """For each minute from FIRST on, whether the office is open."""
    flags = np.zeros(((LAST - FIRST).days + 1) * 1440, dtype=bool)
    for number in range((LAST - FIRST).days + 1):
        if chinese_calendar.is_workday(FIRST + timedelta(days=number)):
            for begin, end in WINDOWS:
                flags[number * 1440 + begin : number * 1440 + end] = True
    return flags


OPEN = open_minutes()


def walked(begin: datetime, end: datetime) -> int:
    """Open seconds from begin to end (local): every whole minute between them, and what is left at both ends."""
    start = datetime.combine(FIRST, datetime.min.time())
    a, b = (int((at - start).total_seconds()) for at in (begin, end))
    if a // 60 == b // 60:
        return (b - a) * int(OPEN[a // 60])
    head = (60 - a % 60) * int(OPEN[a // 60])
    tail = (b % 60) * int(OPEN[b // 60])
    return head + 60 * int(OPEN[a // 60 + 1 : b // 60].sum()) + tail


def triples(count: int) -> list[tuple[datetime, datetime, datetime]]:
    """Local a <= b <= c: minutes, days or years apart, many on the edges of windows and of days."""
    random = Random(20_251_001)
    found = []
    for _ in range(count):
        span = random.choice((3_600, 86_400, 12 * 86_400, 900 * 86_400))
        at = datetime(2021, 1, 1) + timedelta(seconds=random.randrange(980 * 86_400))
        if random.random() < 0.5:
            at = at.replace(hour=random.choice((0, 9, 12, 13, 18, 23)), minute=0, second=random.choice((0, 59)))
        later = at + timedelta(seconds=random.randrange(span))
        found.append((at, later, later + timedelta(seconds=random.randrange(min(span, 86_400 * 300)))))
    return found


def tickets(cases: list[tuple[datetime, datetime, datetime]]) -> str:
    """Two tickets a case: one from a, answered at b and solved at c; one from b, answered and solved at c."""
    lines = ["source | ticket_id | customer_id | channel | status | created_at | first_response_at | resolved_at"]
    for number, local in enumerate(cases):
        a, b, c = (str(at - ZONE) for at in local)
        lines.append(f"sample | {number}-ab | C1 | phone | solved | {a} | {b} | {c}")
        lines.append(f"sample | {number}-bc | C1 | phone | solved | {b} | {c} | {c}")
    return "\n".join(lines)


def test_business_seconds_equal_a_walk_over_every_minute_and_add_up(run_model: RunModel) -> None:
    cases = triples(250)
    found = run_model(
        "core.fct_tickets_own",
        {
            "raw.tickets": tickets(cases),
            "raw.run": "run_id | as_of | business_timezone\nR | 2026-12-30 | Asia/Shanghai",
        },
        select="ticket_id, response_business_seconds, resolution_business_seconds, response_calendar_seconds",
    )
    seconds = {str(row[0]): row[1:] for row in found}
    assert len(seconds) == 2 * len(cases)
    for number, (a, b, c) in enumerate(cases):
        first, whole, elapsed = seconds[f"{number}-ab"]
        second, _, _ = seconds[f"{number}-bc"]
        assert (first, second, whole) == (walked(a, b), walked(b, c), walked(a, c)), (a, b, c)
        assert first + second == whole
        assert elapsed == (b - a).total_seconds()


def test_the_walk_itself_knows_lunch_holiday_and_make_up_days() -> None:
    """So that the test above is not two times the same mistake."""
    assert walked(datetime(2025, 9, 9, 11, 50), datetime(2025, 9, 9, 13, 10)) == 20 * 60
    assert walked(datetime(2025, 9, 30, 17, 30), datetime(2025, 10, 9, 9, 20)) == 50 * 60
    assert walked(datetime(2025, 10, 11, 0, 0), datetime(2025, 10, 13, 0, 0)) == 8 * 3600
    assert walked(datetime(2025, 9, 28, 17, 59, 30), datetime(2025, 9, 28, 18, 0, 30)) == 30


FIVE_WINDOWS = """
    calendar_id | day_kind | open  | close
    shop        | workday  | 06:00 | 08:30
    shop        | workday  | 09:00 | 11:00
    shop        | workday  | 11:00 | 12:15
    shop        | workday  | 14:00 | 17:00
    shop        | workday  | 20:00 | 24:00
    shop        | weekend  | 00:00 | 02:00
"""
DAYS = """
    date       | calendar_id | kind
    2025-03-06 | shop        | workday
    2025-03-07 | shop        | workday
    2025-03-08 | shop        | weekend
    2025-03-09 | shop        | holiday
    2025-03-10 | shop        | workday
"""
SHOP_HOURS = ((360, 510), (540, 660), (660, 735), (840, 1020), (1200, 1440))


@pytest.fixture
def shop_clock(run_model: RunModel) -> Rows:
    return run_model("core.dim_clock", {"raw.calendar_hours": FIVE_WINDOWS, "raw.calendar_days": DAYS})


def open_seconds(clock: Rows, at: datetime) -> int:
    """C(t), looked up as the models do."""
    second = at.hour * 3600 + at.minute * 60 + at.second
    (found,) = [row for row in clock if row[1] == at.date() and row[2] <= second < row[3]]  # type: ignore[operator]
    _, _, from_second, _, is_open, before = found
    return int(before) + (second - int(from_second) if is_open else 0)  # type: ignore[call-overload]


def test_each_day_of_a_five_window_calendar_is_tiled_without_gaps(shop_clock: Rows) -> None:
    for day in {row[1] for row in shop_clock}:
        bounds = sorted((row[2], row[3]) for row in shop_clock if row[1] == day)
        assert bounds[0][0] == 0
        assert all(begin < end for begin, end in bounds)
        assert bounds[-1][1] == 86_400
        assert all(left[1] == right[0] for left, right in pairwise(bounds))
    assert [row for row in shop_clock if row[1] == date(2025, 3, 9)] == [
        ("shop", date(2025, 3, 9), 0, 86_400, False, 2 * 12.75 * 3600 + 2 * 3600)
    ]


def test_five_windows_and_a_midnight_close_equal_the_walk(shop_clock: Rows) -> None:
    def is_open(at: datetime) -> bool:
        minute = at.hour * 60 + at.minute
        if at.date() == date(2025, 3, 8):
            return minute < 120
        return at.date() != date(2025, 3, 9) and any(begin <= minute < end for begin, end in SHOP_HOURS)

    random, begin = Random(7), datetime(2025, 3, 6)
    for _ in range(150):
        a, b = sorted(begin + timedelta(minutes=random.randrange(5 * 1440)) for _ in range(2))
        minutes = (a + timedelta(minutes=n) for n in range(int((b - a).total_seconds()) // 60))
        expected = 60 * sum(is_open(at) for at in minutes)
        assert open_seconds(shop_clock, b) - open_seconds(shop_clock, a) == expected, (a, b)


def test_no_second_is_lost_at_midnight(shop_clock: Rows) -> None:
    """20:00-24:00 on the 7th runs on into 00:00-02:00 on the 8th."""
    before, after = datetime(2025, 3, 7, 23, 59, 59), datetime(2025, 3, 8, 0, 0, 1)
    assert open_seconds(shop_clock, after) - open_seconds(shop_clock, before) == 2


def test_outside_the_calendar_a_business_duration_is_unknown_not_zero(run_model: RunModel) -> None:
    rows = (
        "source | ticket_id | channel | status | created_at | first_response_at\n"
        "sample | 1 | phone | open | 2003-06-02 02:00 | 2025-06-02 02:00"
    )
    found = run_model(
        "core.fct_tickets", {"raw.tickets": rows}, select="response_business_seconds, is_responded, response_state"
    )
    assert found == [(None, True, "no_policy")]
