"""Numbers as people read them."""

from datetime import datetime, timedelta

import pytest

from dashboard import formats


@pytest.mark.parametrize(
    ("value", "zh", "en"),
    [
        (0, "0", "0"),
        (9_999, "9,999", "9,999"),
        (12_345, "1.23 万", "12,345"),
        (1_234_567, "123.5 万", "1.23 M"),
        (250_000_000, "2.50 亿", "250.00 M"),
        (None, "—", "—"),
    ],
)
def test_counts(value: float | None, zh: str, en: str) -> None:
    assert (formats.number(value, "zh"), formats.number(value, "en")) == (zh, en)


@pytest.mark.parametrize(
    ("seconds", "zh", "en"),
    [
        (0, "0 秒", "0 s"),
        (45, "45 秒", "45 s"),
        (119.6, "2 分", "2 min"),
        (8_100, "2 小时 15 分", "2 h 15 min"),
        (3_599, "59 分 59 秒", "59 min 59 s"),
        (86_399, "1 天", "1 d"),
        (273_600, "3 天 4 小时", "3 d 4 h"),
        (-90, "−1 分 30 秒", "−1 min 30 s"),
        (None, "—", "—"),
    ],
)
def test_durations_in_their_two_largest_units(seconds: float | None, zh: str, en: str) -> None:
    assert (formats.duration(seconds, "zh"), formats.duration(seconds, "en")) == (zh, en)


@pytest.mark.parametrize(
    ("unit", "now", "before", "zh", "en"),
    [
        ("ratio", 0.912, 0.90, "+1.2 个百分点", "+1.2 pp"),
        ("ratio", 0.90, 0.9001, "0.0 个百分点", "0.0 pp"),
        ("seconds", 3_000, 3_600, "−10 分", "−10 min"),
        ("seconds", 3_600, 3_600, "0 秒", "0 s"),
        ("count", 110, 100, "+10.0%", "+10.0%"),
        ("count", 5, 0, "+5", "+5"),
        ("score", 4.21, 4.10, "+0.11", "+0.11"),
        ("points", 30.0, 32.5, "−2.5", "−2.5"),
    ],
)
def test_changes_carry_their_sign_and_unit(unit: str, now: float, before: float, zh: str, en: str) -> None:
    assert formats.change(now, before, unit, "zh") == zh
    assert formats.change(now, before, unit, "en") == en


def test_percentages_have_one_decimal() -> None:
    assert formats.percent(0.87345) == "87.3%"
    assert formats.interval(0.8611, 0.8829, "ratio", "zh") == "86.1–88.3%"


def test_instants_are_on_the_business_clock() -> None:
    assert formats.instant(datetime(2025, 6, 30, 16, 0), "Asia/Shanghai") == "2025-07-01 00:00"


def test_age_is_never_negative_and_never_in_seconds() -> None:
    assert formats.age(timedelta(minutes=-5), "zh") == "0 秒"
    assert formats.age(timedelta(hours=3, minutes=5, seconds=59), "zh") == "3 小时 5 分"
