"""Response, channels and what tickets come in, on 21 hand-made tickets: every value worked out on paper.

The exports are the tables in golden_response/, in Shanghai wall-clock times. Office hours 09:00-12:00 and
13:00-18:00, Monday to Friday; everything is counted as of Monday 2025-06-30 10:30.

Questions: K1 chat answered after exactly 180 s; K2 after 181 s, reopened; K3 asked again as K4 exactly 7 d after its
solution; K4 followed up a second too late; K5 never answered, its customer a VIP since; K6 solved 6 d ago; K7 given
up; K8 solved by a bot; K9 at a weekend; K10 100 s old; K11 in the evening, of nobody we know; K12 merged into
another channel, K13 into the same, K14 is spam. Repairs: R1 answered after 6 h; R2 visited after exactly 24 h; R3
contacted by nobody; R4 1.5 h old. R5 is a return without a scene, M1 lies before the window, and Q1 comes from a
system that exports neither events nor flows.
"""

import re
from collections.abc import Callable
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from lifelines import KaplanMeierFitter
from lifelines.utils import median_survival_times
from statsmodels.stats.proportion import proportion_confint

from dashboard.metrics import query
from dashboard.metrics.access import Scope
from ingestion.warehouse.kpis import Filter, Query, load_kpis
from ingestion.warehouse.views import load_views

WINDOW = Filter(date(2025, 6, 1), date(2025, 6, 30))
TICKETS = Path(__file__).parent / "golden_response"
Row = dict[str, Any]

# KPI: numerator, denominator, value.
GOLDEN: dict[str, tuple[int, int | None, float | None]] = {
    # owed an answer and due: K1 K2 K3 K4 K5 K6 K9 K11 R1 R2 R3 R4 R5 (K10 is 100 s old, K8 was the bot's);
    # open seconds 180 120 7200 7201 - 1200 120 - 18000 32400 - - 1800
    "response_within_30min": (5, 13, 5 / 13),
    "email_response_within_2h": (2, 3, 2 / 3),  # K3 7200 s, K4 7201 s, K6 1200 s
    "chat_tickets_answered_within_180s": (1, 3, 1 / 3),  # K1 in time, K2 late, K7 given up; K9 came at a weekend
    "out_of_hours_answered_in_time": (1, 2, 0.5),  # K9 120 s after opening, K11 never
    # R4 leaves at 5400 s, R1 21600 s (2/3), R2 86400 s (1/2) -> 1/3
    "repair_response_time": (2, 4, 86_400),
    "repair_response_mean": (21_600 + 86_400 + 1_560_600, 3, 556_200),  # R3 waits 18 d 1.5 h, R4 not yet 24 h
    "repair_response_within_24h": (2, 3, 2 / 3),
    # old enough: K1 K2 K3 K4 K5 K8 K9; K2 was reopened, K3 asked again, K5 is open
    "consult_resolution_rate": (4, 7, 4 / 7),
    # solved 7 d ago: K1 K2 K3 K4 K8 K9; K3 and K8 were never assigned, K4 was asked too late
    "consult_chain_complete": (3, 6, 0.5),
    "consumer_online_share": (9, 10, 0.9),  # K1 K2 K3 K4 K6 K9 K10 R1 R2 R4, of which R1 by phone
    "app_share": (3, 16, 3 / 16),  # K5 R2 R4
    "registered_channel_share": (14, 16, 14 / 16),  # K11 "other", Q1 by fax
    "merged_duplicate_share": (2, 18, 2 / 18),  # K12 K13
    "priority_coded": (15, 16, 15 / 16),  # K5
    "scene_coded": (14, 16, 14 / 16),  # K11 R5
    # mapped: K1-K6 K8-K10 R1-R4. Not K2 and R2 (a VIP's flow is another), K9 and R4 (none); K5 was standard then
    "flow_fit_rate": (9, 13, 9 / 13),
    "tickets_joined_to_customer": (13, 16, 13 / 16),  # K11 R5; C1 of another system is not our C1
    "repair_progress_visible": (3, 4, 0.75),  # notice, public status, system message; R3's notice was private
    "service_tickets_matched": (2, 6, 2 / 6),  # R1 by device, R2 by order; O99 does not exist
}


def local_tables(folder: Path) -> dict[str, str]:
    """Tables by name of the dataset, every instant moved from Shanghai time to UTC."""

    def shift(found: re.Match[str]) -> str:
        return str(datetime.fromisoformat(found[0]) - timedelta(hours=8))

    instant = r"\d{4}-\d\d-\d\d \d\d:\d\d(:\d\d)?"
    return {
        f"raw.{file.stem}": re.sub(instant, shift, file.read_text(encoding="utf-8")) for file in folder.glob("*.txt")
    }


@pytest.fixture(scope="module")
def answered(make_snapshot: Callable[..., query.Snapshot]) -> query.Snapshot:
    return make_snapshot(local_tables(TICKETS), as_of="2025-06-30 02:30")


def table(snapshot: query.Snapshot, view: str, wanted: Filter = WINDOW) -> list[Row]:
    found = query.view(snapshot, Scope.everything(), load_views()[view], wanted)
    assert set(found.columns) == set(load_views()[view].columns)
    return found.to_dicts()


def about(expected: list[Row]) -> list[Row]:
    """Floats compared to 1e-9, all else exactly."""
    return [
        {name: pytest.approx(cell, abs=1e-9) if isinstance(cell, float) else cell for name, cell in row.items()}
        for row in expected
    ]


def wilson(met: int, due: int) -> tuple[float, float]:
    lower, upper = proportion_confint(met, due, method="wilson")
    return float(lower), float(upper)


@pytest.mark.parametrize("kpi", GOLDEN)
def test_kpi_equals_the_value_worked_out_by_hand(answered: query.Snapshot, kpi: str) -> None:
    row = query.values(answered, Scope.everything(), load_kpis()[kpi], WINDOW).row(0, named=True)
    numerator, denominator, value = GOLDEN[kpi]
    assert (row["numerator"], row["denominator"], row["n"]) == (numerator, denominator, denominator)
    assert row["value"] == pytest.approx(value, abs=1e-12)


@pytest.mark.parametrize("kpi", GOLDEN)
def test_the_rows_behind_a_value_are_as_many_as_it_counts(answered: query.Snapshot, kpi: str) -> None:
    entry = load_kpis()[kpi]
    counting = query.rows(answered, Scope.everything(), entry, WINDOW, "denominator")
    contributing = query.rows(answered, Scope.everything(), entry, WINDOW, "numerator")
    numerator, denominator, _ = GOLDEN[kpi]
    assert counting.height == denominator
    found = contributing[entry.numerator].sum() if entry.kind == "mean" else contributing.height
    assert found == numerator


@pytest.mark.parametrize(
    ("kpi", "waiting"),
    [
        ("response_within_30min", ["K10"]),
        ("email_response_within_2h", []),
        ("chat_tickets_answered_within_180s", ["K10"]),
        ("out_of_hours_answered_in_time", []),
        ("repair_response_within_24h", ["R4"]),
        ("consult_resolution_rate", ["K10", "K6"]),
        ("consult_chain_complete", ["K6"]),
    ],
)
def test_what_is_not_due_yet_waits_outside(answered: query.Snapshot, kpi: str, waiting: list[str]) -> None:
    entry = load_kpis()[kpi]
    sql = f"select ticket_id from {entry.rows} where {entry.pending} order by 1"
    assert answered.run(Query(sql, ()))["ticket_id"].to_list() == waiting


def test_merged_duplicates_tell_whether_the_channel_changed(answered: query.Snapshot) -> None:
    sql = "select ticket_id, is_merged_across_channels from core.fct_ticket_traits where is_merged order by 1"
    assert answered.run(Query(sql, ())).rows() == [("K12", True), ("K13", False)]


def test_the_flow_follows_the_tier_of_the_day(answered: query.Snapshot) -> None:
    sql = """select ticket_id, expected_flow_id from core.fct_ticket_traits
        where ticket_id in ('K1', 'K5', 'K6', 'K11', 'R2', 'R3') order by 1"""
    assert dict(answered.run(Query(sql, ())).rows()) == {
        "K1": "F-CONSULT",
        "K5": "F-CONSULT-B",
        "K6": "F-CONSULT-VIP",
        "K11": None,
        "R2": "F-SERVICE-VIP",
        "R3": "F-SERVICE-B",
    }


# --- views ----------------------------------------------------------------------------------------------------------


def test_stages_of_the_consult_chain(answered: query.Snapshot) -> None:
    names = ("stage_no", "stage", "ticket_count", "done_count", "median_seconds", "p90_seconds", "missing_count")
    expected = [
        # 60 60 (5/7), K10 leaves at 100, 600 (3/4 = 15/28), 1800 1800 (1/3), 169200 (0); K3 and K8 skipped it
        (1, "routing", 7, 6, 1_800, 169_200, 2),
        # 120 120 (4/6) 121 (3/4 = 1/2) 600 59401 (1/6), then K5 only waits
        (2, "answering", 6, 5, 121, None, 1),
        # 1620 1680 3599 (1/2) 21600 100739 344400
        (3, "solving", 6, 6, 3_599, 344_400, 0),
        # 0 3600 57600 84600 (3/7), K6 leaves, 604801 (1/2 = 3/14), K8 waits
        (4, "follow_up", 7, 5, 84_600, None, 1),
    ]
    assert table(answered, "consult_chain_stages") == [dict(zip(names, row, strict=True)) for row in expected]


def test_scenes_and_tiers_by_volume_and_dissatisfaction(answered: query.Snapshot) -> None:
    names = ("scene", "tier", "ticket_count", "volume_share", "cumulative_volume_share")
    more = ("rated_count", "dissatisfied_count", "dissatisfaction_share", "dissatisfied_rate")
    # 1 or 2 of 5: K2, K3, R1, R5
    expected = [
        ("consult", "standard", 7, 7 / 16, 7 / 16, 2, 1, 0.25, 0.5),
        ("service", "standard", 3, 3 / 16, 10 / 16, 1, 1, 0.25, 1.0),
        ("consult", "vip", 2, 2 / 16, 12 / 16, 1, 1, 0.25, 1.0),
        ("unknown", "unknown", 2, 2 / 16, 14 / 16, 1, 1, 0.25, 1.0),
        ("service", "unknown", 1, 1 / 16, 15 / 16, 0, 0, 0.0, None),
        ("service", "vip", 1, 1 / 16, 1.0, 0, 0, 0.0, None),
    ]
    rows: list[Row] = [dict(zip((*names, *more), row, strict=True)) for row in expected]
    assert table(answered, "scene_tier_pareto") == about(rows)


def test_touch_points_by_the_waiting_of_the_dissatisfied(answered: query.Snapshot) -> None:
    found = table(answered, "touchpoint_pareto")
    assert len(found) == 12
    columns = ("scene", "category", "channel", "ticket_count", "dissatisfied_wait_seconds", "is_key")
    # K2 28 h 2 min; R1 27 h less 2 h waiting for the customer; K3 8 h; R5 1 h. A fifth of 12 is 3.
    assert [tuple(row[name] for name in columns) for row in found[:5]] == [
        ("consult", "物流", "chat", 2, 100_920, True),
        ("service", "故障", "phone", 1, 90_000, True),
        ("consult", "发票", "email", 2, 28_800, True),
        ("unknown", "退货", "store", 1, 3_600, False),
        ("consult", "安装", "chat", 2, 0, False),
    ]
    assert found[1]["wait_share"] == pytest.approx(90_000 / 223_320)
    assert found[2]["cumulative_wait_share"] == pytest.approx(219_720 / 223_320)
    assert [row["rank_no"] for row in found] == list(range(1, 13))


def test_response_by_priority(answered: query.Snapshot) -> None:
    names = ("priority", "ticket_count", "due_count", "met_count", "not_due_count", "median_seconds")
    expected: list[Row] = []
    for row in (
        ("urgent", 1, 1, 0, 0, 32_400),
        ("high", 1, 0, 0, 0, None),
        # K10 leaves at 100; 120 120 (6/8) 180 (5/8) 1200 (4/8)
        ("normal", 10, 8, 5, 1, 1_200),
        ("low", 3, 2, 1, 1, None),
        ("unknown", 1, 1, 0, 0, None),
    ):
        due, met = row[2], row[3]
        lower, upper = wilson(met, due) if due else (None, None)
        shares: Row = {"met_share": met / due if due else None, "met_lower": lower, "met_upper": upper}
        expected.append({**dict(zip(names, row, strict=True)), **shares})
    assert table(answered, "response_by_priority") == about(expected)


def test_service_by_tier_raw_and_at_equal_mix(answered: query.Snapshot) -> None:
    found = {str(row["tier"]): row for row in table(answered, "service_by_tier")}
    # Due by channel and priority: chat normal 3, e-mail normal 3, and six cells of one ticket.
    # standard: 2/2, 1/2, 0/1 three times; vip: 1/1, 1/1, 0/1; unknown: 0/1, 1/1
    assert {
        tier: tuple(row[name] for name in ("ticket_count", "due_count", "met_share", "met_standardised"))
        for tier, row in found.items()
    } == {
        "standard": (10, 7, pytest.approx(3 / 7), pytest.approx((3 + 3 / 2) / 9)),
        "unknown": (3, 2, 0.5, 0.5),
        "vip": (3, 3, pytest.approx(2 / 3), pytest.approx(6 / 7)),
    }
    assert [found[tier]["comparable_share"] for tier in ("standard", "unknown", "vip")] == pytest.approx(
        [9 / 12, 2 / 12, 7 / 12]
    )
    # Solved within 24 h, 8 d old: chat normal 4 (standard 2/3), e-mail normal 3 (standard 2/2), others of one
    assert [found[tier]["matured_count"] for tier in ("standard", "unknown", "vip")] == [8, 3, 3]
    assert [found[tier]["solved_share"] for tier in ("standard", "unknown", "vip")] == pytest.approx(
        [4 / 8, 1 / 3, 0]
    )
    assert [found[tier]["solved_standardised"] for tier in ("standard", "unknown", "vip")] == pytest.approx(
        [(4 * 2 / 3 + 3) / 10, 1 / 3, 0]
    )
    # Weights of the VIP tickets K2 4, K6 3, R2 1: 1 - 4/8 after K2's 120 s, where the raw curve is at 2/3
    assert {tier: (row["median_seconds"], row["median_standardised"]) for tier, row in found.items()} == {
        "standard": (7_201, 7_201),
        "unknown": (1_800, 1_800),
        "vip": (1_200, 120),
    }
    for tier, (met, due, solved, old) in {"standard": (3, 7, 4, 8), "vip": (2, 3, 0, 3)}.items():
        row = found[tier]
        assert (row["met_lower"], row["met_upper"]) == pytest.approx(wilson(met, due))
        assert (row["solved_lower"], row["solved_upper"]) == pytest.approx(wilson(solved, old), abs=1e-9)


def test_limits_of_the_medians_by_tier_are_those_of_lifelines(answered: query.Snapshot) -> None:
    waits = {
        "standard": ([100, 120, 180, 5_400, 7_200, 7_201, 18_000, 351_000, 408_600], [0, 1, 1, 0, 1, 1, 1, 0, 0]),
        "unknown": ([1_800, 207_000], [1, 0]),
    }
    for row in table(answered, "service_by_tier"):
        if str(row["tier"]) not in waits:
            continue
        seconds, is_answered = waits[str(row["tier"])]
        curve = KaplanMeierFitter().fit(seconds, is_answered)
        lower, upper = median_survival_times(curve.confidence_interval_survival_function_).to_numpy()[0]
        assert row["median_lower"] == lower
        assert row["median_upper"] == (None if upper == float("inf") else upper)


def test_where_tickets_wait(answered: query.Snapshot) -> None:
    """M1 of May waited 1 h as new and 1 h as open; everything else came in during the last 28 days."""
    found = table(answered, "waiting_stages", Filter(date(2025, 5, 1), date(2025, 6, 30)))
    new, opened, pending = 4_957_480, 165_600, 7_200
    total, recent = new + opened + pending, new + opened + pending - 7_200
    names = (
        "status",
        "entered_count",
        "left_count",
        "queue_growth",
        "median_seconds",
        "wait_seconds",
        "is_bottleneck",
    )
    expected = [
        # 60 (15/16), 100 leaves, 1800 (13/14), 3600 3600 (11/13), 5400 leaves, 7200 7320 21600 28800 (6/10) -> 0.44
        (("new", 16, 11, 5, 28_800, new, True), new / total, (new - 3_600) / recent - 0.5),
        (("open", 4, 4, 0, 3_600, opened, False), opened / total, (opened - 3_600) / recent - 0.5),
        (("pending", 1, 1, 0, 7_200, pending, False), pending / total, pending / recent),
    ]
    assert found == about(
        [
            dict(zip(names, row, strict=True)) | {"wait_share": share, "share_change": change}
            for row, share, change in expected
        ]
    )


def test_hours_of_the_week(answered: query.Snapshot) -> None:
    names = ("weekday", "hour", "ticket_count", "out_of_hours_count", "due_count", "met_count")
    found = [tuple(row[name] for name in names) for row in table(answered, "hourly_coverage")]
    assert found == [
        (1, 9, 2, 0, 1, 0),  # R1, R4
        (1, 10, 2, 0, 1, 1),  # R5, K10
        (2, 9, 2, 0, 2, 0),  # K5, R2
        (2, 10, 2, 0, 1, 1),  # K1, Q1
        (3, 11, 1, 0, 1, 1),  # K2
        (3, 15, 1, 0, 0, 0),  # K8
        (3, 20, 1, 1, 1, 0),  # K11
        (4, 9, 2, 0, 2, 1),  # K3, R3
        (4, 17, 1, 0, 1, 0),  # K4
        (5, 10, 1, 0, 1, 1),  # K6
        (6, 10, 1, 1, 1, 1),  # K9
    ]


# --- the forecast ---------------------------------------------------------------------------------------------------


def days(first: date, count: int, step: int = 1) -> list[date]:
    return [first + timedelta(days=step * number) for number in range(count)]


@pytest.fixture(scope="module")
def forecast(make_snapshot: Callable[..., query.Snapshot]) -> query.Snapshot:
    """Chat: fifteen weeks to 2025-09-16, each Tuesday one ticket, Mondays 4 and 6 by turns, no other day any.

    E-mail: 3 each Wednesday from 2025-08-20, but 1 in the holidays of 10-01 and 10-08; and one today, 10-13.
    """
    came = [("chat", day, 4 + 2 * (week % 2)) for week, day in enumerate(days(date(2025, 6, 9), 15, 7))]
    came += [("chat", day, 1) for day in days(date(2025, 6, 10), 15, 7)]
    came += [("email", day, 3) for day in days(date(2025, 8, 20), 6, 7)]
    came += [("email", date(2025, 10, 1), 1), ("email", date(2025, 10, 8), 1), ("email", date(2025, 10, 13), 1)]
    lines = ["source | ticket_id | channel | created_at | status"]
    for channel, day, count in came:
        lines += [f"s | {channel}-{day}-{number} | {channel} | {day} 01:00 | open" for number in range(count)]
    return make_snapshot({"raw.tickets": "\n".join(lines)}, as_of="2025-10-13 02:30")


@pytest.mark.slow
def test_forecast_of_alternating_mondays(forecast: query.Snapshot) -> None:
    """The last Monday, 09-15, had 4, and 09-16 is the last day: Mondays are forecast with 5, copied with 4."""
    wanted = Filter(date(2025, 6, 1), date(2025, 9, 21), {"channel": ("chat",)})
    found = {row["horizon_days"]: row for row in table(forecast, "volume_forecast", wanted)}
    # One Monday and one Tuesday in 7 days, four of each in 28.
    assert (found[7]["forecast_count"], found[7]["naive_count"]) == (6, 5)
    assert (found[28]["forecast_count"], found[28]["naive_count"]) == (24, 20)
    # Tested 08-20 to 09-16: four Mondays of 6 4 6 4 and four Tuesdays of 1; the mean is out by 1 each Monday. A week
    # before, Mondays had 2 more or less; four weeks before, the same.
    assert {name: found[7][name] for name in ("tested_days", "mean_error", "naive_mean_error", "is_better")} == {
        "tested_days": 28,
        "mean_error": pytest.approx(4 / 28),
        "naive_mean_error": pytest.approx(8 / 28),
        "is_better": True,
    }
    assert (found[7]["error_share"], found[7]["naive_error_share"]) == pytest.approx((4 / 24, 8 / 24))
    assert (found[28]["mean_error"], found[28]["naive_mean_error"]) == pytest.approx((4 / 28, 0))
    assert found[28]["is_better"] is False


def test_forecast_day_by_day(forecast: query.Snapshot) -> None:
    """Up to Monday 09-15: all four Mondays to come look back to it, the first of them exactly 7 days."""
    wanted = Filter(date(2025, 6, 1), date(2025, 9, 15), {"channel": ("chat",)})
    found = table(forecast, "volume_forecast_days", wanted)
    assert [row["date"] for row in found] == days(date(2025, 9, 16), 28)
    by_weekday = {(row["weekday"], row["forecast_count"], row["naive_count"]) for row in found}
    assert by_weekday == {(1, 5, 4), (2, 1, 1), *((weekday, 0, 0) for weekday in range(3, 8))}


def test_holidays_and_today_are_no_guide(forecast: query.Snapshot) -> None:
    wanted = Filter(date(2025, 6, 1), date(2025, 10, 31), {"channel": ("email",)})
    found = {
        row["date"]: (row["forecast_count"], row["naive_count"])
        for row in table(forecast, "volume_forecast_days", wanted)
    }
    assert min(found) == date(2025, 10, 9)
    assert found[date(2025, 10, 15)] == (3, 1)


def test_too_short_a_past_gives_no_forecast(forecast: query.Snapshot) -> None:
    """Three Mondays are no guide: the total is not known, and nothing can be tested."""
    wanted = Filter(date(2025, 8, 27), date(2025, 9, 16), {"channel": ("chat",)})
    found = table(forecast, "volume_forecast", wanted)
    assert [(row["forecast_count"], row["tested_days"], row["mean_error"]) for row in found] == [(None, 0, None)] * 2
