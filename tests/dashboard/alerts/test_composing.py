"""The words of a message, against values made by hand."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta

import pytest

from dashboard.alerts import composing
from dashboard.alerts.noticing import News, Overdue, Verdict, night_of
from dashboard.alerts.rules import Channel
from dashboard.alerts.signals import BeyondLimits, TargetMissed
from ingestion.errors import Finding
from ingestion.warehouse.kpis import Kpi, load_kpi

NIGHT = date(2025, 6, 30)
AS_OF = datetime(2025, 6, 30, 16)


def kpi(name: str) -> Kpi:
    found = load_kpi(name)
    assert found is not None
    return found


BEYOND = BeyondLimits(kpi("sla_response_met"), "month", date(2025, 5, 1), 0.7123, 0.8, 0.7468, 12)
MISSED = TargetMissed(kpi("sla_response_met"), "month", date(2025, 5, 1), 0.7123, 0.95, date(2025, 3, 1), 3, False)


def told(lang: str, **news: object) -> tuple[str, str, str]:
    whole = News(night=NIGHT, as_of=AS_OF, zone="Asia/Shanghai", **news)  # type: ignore[arg-type]
    message = composing.compose(whole, Channel("c", "C", lang, frozenset()), is_urgent=False)
    return message.subject, message.body, message.level


def test_a_good_night_in_chinese() -> None:
    verdict = Verdict("R", "published", NIGHT, (), files=14, rows=(123_456, 123_000, 400, 56))
    assert told("zh", verdict=verdict) == (
        "售后指标已更新，数据截至 2025-07-01 00:00",
        "导入 14 个文件：读取 12.3 万 行，入库 12.3 万，隔离 400，重复 56。",
        "success",
    )


def test_everything_of_a_night_is_one_message() -> None:
    verdict = Verdict("R", "stopped", NIGHT, (("stop", Finding("retracted_file", {"file": "a.csv", "sha256": "1"})),))
    late = Overdue(AS_OF, timedelta(hours=50, minutes=40), timedelta(hours=36))
    subject, body, level = told("zh", verdict=verdict, overdue=late, signals=(BEYOND, MISSED))
    assert subject == "夜间任务已停止，未发布新数据；数据距今已 2 天 2 小时；2 项指标需要关注"
    assert level == "failure"
    label = kpi("sla_response_met").label["zh"]
    lines = body.splitlines()
    assert lines[0] == "必须先解决的问题 1 个："
    assert "a.csv" in lines[1]
    assert lines[2:] == [
        "看板仍显示截至 2025-07-01 00:00 的数据。",
        "请按上述说明更正后重新运行 aftercare run；明细用 aftercare status 查看。",
        "看板数据截至 2025-07-01 00:00，距今已 2 天 2 小时，超过承诺的 1 天 12 小时。"
        "请检查导出是否送达、夜间任务是否运行（aftercare status）。",
        "需要关注的指标 2 项：",
        f"· {label} 2025-05：71.2%，低于控制下限 74.7%（此前 12 个月均值 80.0%），属明显变差。",
        f"· {label} 自 2025-03 起连续 3 个月未达标（目标 ≥ 95.0%），最近 2025-05 为 71.2%。",
        "请打开看板查看各地区、渠道的明细，找出原因。",
    ]


def test_signals_in_english() -> None:
    subject, body, level = told("en", signals=(BEYOND, MISSED))
    label = kpi("sla_response_met").label["en"]
    assert (subject, level) == ("KPIs that need attention: 2", "warning")
    assert body.splitlines()[1:3] == [
        f"· {label} 2025-05: 71.2%, below its lower control limit 74.7% (mean of the 12 months before: 80.0%), "
        "clearly worse.",
        f"· {label} has missed its target (≥ 95.0%) since 2025-03, for 3 months in a row; 2025-05: 71.2%.",
    ]


@pytest.mark.parametrize(
    ("name", "value", "so"),
    [
        ("sla_response_met", 0.9, "明显好转"),
        ("first_response_time", 9000.0, "明显变差"),
        ("first_response_time", 60.0, "明显好转"),
        ("ticket_volume", 9000.0, "异常波动"),
    ],
)
def test_good_and_bad_follow_the_direction_of_the_kpi(name: str, value: float, so: str) -> None:
    limit = {"first_response_time": 600.0, "ticket_volume": 500.0}.get(name, 0.8)
    signal = BeyondLimits(kpi(name), "week", date(2025, 6, 23), value, limit, limit, 12)
    _, body, _ = told("zh", signals=(signal,))
    assert so in body
    assert "2025-06-23 – 2025-06-29" in body
    assert ("高于控制上限" in body) == (value > limit)


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_a_message_fits_every_channel_and_says_what_it_leaves_out(lang: str) -> None:
    many = tuple(("warn", Finding("same_content", {"file": "工单" * 60 + str(n), "other": "b"})) for n in range(40))
    verdict = Verdict("R", "published", NIGHT, many, files=1, rows=(1, 1, 0, 0))
    subject, body, _ = told(lang, verdict=verdict, signals=(BEYOND, MISSED) * 30)
    assert len(f"{subject}\n{body}".encode()) <= 2_048
    assert ("从略" in body) or ("more lines" in body)
    assert all(len(line) <= 200 for line in body.splitlines())
    _, body, _ = told(lang, verdict=verdict, signals=(BEYOND, MISSED))
    # Warnings give way to what is told only once.
    assert body.count(kpi("sla_response_met").label[lang]) == 2


def test_weeks_in_a_row_are_told_from_their_first_day() -> None:
    weeks = replace(MISSED, period="week", start=date(2025, 6, 16), since=date(2025, 6, 2), or_longer=True)
    _, body, _ = told("zh", signals=(weeks,))
    label = kpi("sla_response_met").label["zh"]
    expected = (
        f"{label} 至少自 2025-06-02 起，连续 3 周未达标（目标 ≥ 95.0%），最近 2025-06-16 – 2025-06-22 为 71.2%。"
    )
    assert body.splitlines()[1] == f"· {expected}"


def test_warnings_of_a_published_night() -> None:
    one = ("warn", Finding("same_content", {"file": "a.csv", "other": "b.csv"}))
    _, body, _ = told("zh", verdict=Verdict("R", "published", NIGHT, (one,) * 6, files=1, rows=(1, 1, 0, 0)))
    lines = body.splitlines()
    assert lines[1:3] == ["提醒 6 条：", "（数据已照常发布，明细见看板“数据质量”页）"]
    assert len(lines) == 9
    assert lines[-1] == "……另有 1 条"


def test_a_home_that_published_nothing_yet() -> None:
    news = News(NIGHT, None, "Asia/Shanghai", Verdict("R", "failed", NIGHT, ()))
    message = composing.compose(news, Channel("c", "C", "zh", frozenset()), is_urgent=True)
    assert (message.subject, message.is_urgent) == ("夜间任务失败，未发布新数据", True)
    assert message.body.startswith("看板尚无已发布的数据。")


@pytest.mark.parametrize("lang", ["zh", "en"])
@pytest.mark.parametrize("verdict", ["published", "held", "stopped", "failed"])
def test_every_verdict_has_its_words(verdict: str, lang: str) -> None:
    finding = ("warn", Finding("same_content", {"file": "a", "other": "b"}))
    assert all(told(lang, verdict=Verdict("R", verdict, NIGHT, (finding,))))


@pytest.mark.parametrize(
    ("instant", "night"),
    [("2025-06-30 15:00", 30), ("2025-06-30 20:00", 30), ("2025-07-01 03:59", 30), ("2025-06-30 03:59", 29)],
)
def test_a_night_lasts_from_noon_to_noon(instant: str, night: int) -> None:
    assert night_of(datetime.fromisoformat(instant), "Asia/Shanghai") == date(2025, 6, night)
