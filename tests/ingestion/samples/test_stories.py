"""What the sample exports tell: the rhythm of the year, the planted stories, believable levels."""

from datetime import date, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from ingestion.samples.catalogue import PRODUCT_IDS
from ingestion.samples.draw import DAY, HOUR
from ingestion.samples.rhythm import OpenHours, day_kind, office_hours, seconds_of, span_ending
from ingestion.samples.stories import draw_stories
from ingestion.samples.write import DEFAULT_SEED

pytestmark = pytest.mark.slow


UNTIL = date(2026, 6, 30)
END = datetime(2026, 7, 1)
STORIES = draw_stories(DEFAULT_SEED, UNTIL)


def _hours(name: str, since: str) -> pl.Expr:
    return (pl.col(name) - pl.col(since)).dt.total_seconds() / HOUR


def test_holidays_are_quiet_and_makeup_days_are_not(exports: dict[str, pl.DataFrame]) -> None:
    daily = exports["tickets"].group_by(pl.col("created_at").dt.date().alias("day")).len()
    kinds = pl.DataFrame({"day": daily["day"], "kind": [day_kind(day) for day in daily["day"]]})
    mean = dict(daily.join(kinds, on="day").group_by("kind").agg(pl.col("len").mean()).iter_rows())
    assert mean["holiday"] < 0.45 * mean["workday"]
    assert mean["weekend"] < 0.6 * mean["workday"]
    assert 0.75 * mean["workday"] < mean["makeup"] < 1.1 * mean["workday"]


def test_beyond_the_announced_holidays_only_the_week_is_known() -> None:
    assert day_kind(date(2026, 10, 1)) == "holiday"
    assert day_kind(date(2026, 10, 10)) == "makeup"
    assert [day_kind(date(2098, 3, day)) for day in (7, 8, 9, 10)] == ["workday", "weekend", "weekend", "workday"]


def test_open_seconds_skip_lunch_and_night() -> None:
    hours: OpenHours = office_hours(span_ending(UNTIL))
    monday = seconds_of(date(2026, 6, 1))
    start = np.array([monday + 11 * HOUR, monday + 12 * HOUR, monday + 17 * HOUR, monday - DAY], dtype=np.int64)
    reached = hours.add(start, np.array([2 * HOUR, 60, 2 * HOUR, 60], dtype=np.int64))
    expected = [monday + 14 * HOUR, monday + 13 * HOUR + 60, monday + DAY + 10 * HOUR, monday + 9 * HOUR + 60]
    assert reached.tolist() == expected


def test_seeds_tell_of_other_places_products_and_months() -> None:
    drawn = [draw_stories(seed, UNTIL) for seed in range(40)]
    assert len({one.slow_region for one in drawn}) > 5
    assert len({one.repeat_product for one in drawn}) > 5
    assert {one.slow_first for one in drawn} == {date(2025, 10, 1), date(2026, 1, 1)}
    assert all((one.slow_last - one.slow_first).days in range(89, 92) for one in drawn)
    assert draw_stories(7, UNTIL) == draw_stories(7, UNTIL)


def test_the_slow_region_is_slow_in_its_quarter_only(worked: pl.DataFrame) -> None:
    first, last = STORIES.slow_first, STORIES.slow_last
    within = pl.col("created_at").dt.date().is_between(first, last)
    office = pl.col("created_at").dt.hour().is_between(9, 16) & (pl.col("created_at").dt.weekday() <= 5)
    medians = worked.filter(office).group_by(
        (pl.col("region") == STORIES.slow_region).fill_null(False).alias("slow"), within.alias("within")
    )
    table = {
        (slow, inside): (response, resolution)
        for slow, inside, response, resolution in medians.agg(
            pl.col("response").median(), pl.col("resolution").median()
        ).iter_rows()
    }
    assert table[True, True][0] > 2.2 * table[False, True][0]
    assert table[True, True][1] > 2.2 * table[False, True][1]
    assert table[True, False][0] < 1.2 * table[False, False][0]


def test_one_product_keeps_coming_back(exports: dict[str, pl.DataFrame]) -> None:
    repairs = exports["tickets"].filter(pl.col("kind") == "repair", pl.col("merged_into").is_null())
    visits = exports["visits"].filter(pl.col("visit_no").cast(pl.Int64) == 1)
    first = visits.join(repairs, on="ticket_id").filter(pl.col("finished_at") < END - timedelta(days=30))
    later = repairs.select("asset_id", "category", again="created_at")
    pairs = first.join(later, on=["asset_id", "category"])
    gap = pl.col("again") - pl.col("finished_at")
    back = pairs.filter(pl.col("again") > pl.col("created_at"), gap < timedelta(days=30))["ticket_id"].unique()
    revisited = exports["visits"].filter(pl.col("visit_no").cast(pl.Int64) == 2)["ticket_id"]
    first = first.with_columns(
        returned=pl.col("ticket_id").is_in(back.implode()),
        fixed=(pl.col("result") == "fixed")
        & ~pl.col("ticket_id").is_in(back.implode())
        & ~pl.col("ticket_id").is_in(revisited.implode()),
    )
    shares = first.group_by(pl.col("product_id") == PRODUCT_IDS[STORIES.repeat_product]).agg(
        pl.col("fixed").mean(), pl.col("returned").mean()
    )
    found = {is_repeat: (fixed, returned) for is_repeat, fixed, returned in shares.iter_rows()}
    assert 0.70 < found[False][0] < 0.82
    assert found[True][0] < 0.55
    assert found[True][1] > 2.5 * found[False][1]


def _yearly_churn(exports: dict[str, pl.DataFrame], tier: str, start: datetime) -> float:
    """Of those active and in this tier at the start, the share gone within 365 days."""
    held = exports["customer_tier_history"].filter(
        pl.col("tier") == tier,
        pl.col("valid_from") <= start,
        pl.col("valid_to").is_null() | (pl.col("valid_to") > start),
    )
    churned = held.join(exports["customers"], on="customer_id")["churned_at"]
    gone = churned.filter((churned > start) & (churned <= start + timedelta(days=365)))
    return len(gone) / (len(churned) - (churned <= start).sum())


def test_vip_churn_rises_then_falls(exports: dict[str, pl.DataFrame]) -> None:
    peak_share = max(STORIES.vip_churn, key=lambda point: point[1])[0]
    # The year around the peak, the year before the export and its last one.
    around = (datetime(2024, 7, 1) + timedelta(days=730 * peak_share) - timedelta(days=180)).replace(day=1)
    starts = (datetime(2023, 7, 1), around, datetime(2025, 7, 1))
    before, peak, after = (_yearly_churn(exports, "vip", start) for start in starts)
    assert before < 0.75 * peak
    assert after < 0.75 * peak
    assert 0.14 < _yearly_churn(exports, "standard", starts[2]) < 0.21


def test_weekend_chat_waits_longer(worked: pl.DataFrame) -> None:
    chat = worked.filter(pl.col("channel") == "chat")
    is_weekend = pl.col("created_at").dt.weekday() > 5
    weekend, week = (chat.filter(part)["response"].median() for part in (is_weekend, ~is_weekend))
    assert weekend > 1.6 * week


def test_levels_are_believable(exports: dict[str, pl.DataFrame], worked: pl.DataFrame) -> None:
    office = pl.col("created_at").dt.hour().is_between(9, 16) & (pl.col("created_at").dt.weekday() <= 5)
    assert 10 / 60 < worked.filter(office)["response"].median() < 30 / 60
    assert 0.005 < exports["tickets"]["merged_into"].is_not_null().mean() < 0.015
    assert 0.03 < (worked["reopen_count"].cast(pl.Int64) > 0).mean() < 0.08
    answers = exports["survey_answers"].with_columns(pl.col("score").cast(pl.Int64))
    overall = answers.filter(pl.col("dimension") == "overall")["score"]
    assert 0.80 < (overall >= 4).mean() < 0.88
    nps = answers.filter(pl.col("dimension") == "nps")["score"]
    assert 0.2 < (nps >= 9).mean() - (nps <= 6).mean() < 0.4
    rate = exports["surveys"].group_by("kind").agg(pl.col("responded_at").is_not_null().mean())
    assert rate["responded_at"].is_between(0.22, 0.35).all()


def test_complaints_are_mostly_settled(exports: dict[str, pl.DataFrame]) -> None:
    complaints = exports["complaints"]
    matured = complaints.filter(pl.col("received_at") < END - timedelta(days=60))
    again = matured.join(complaints, on=["customer_id", "matter"], suffix="_again").filter(
        pl.col("received_at_again") > pl.col("resolved_at"),
        pl.col("received_at_again") <= pl.col("resolved_at") + timedelta(days=30),
    )
    settled = matured.filter(pl.col("outcome") == "settled", _hours("resolved_at", "received_at") <= 30 * 24)
    closed = settled.join(again, on="complaint_id", how="anti")
    assert 0.87 < len(closed) / len(matured) < 0.94
    assert 0 < complaints["resolved_at"].null_count() < 0.04 * len(complaints)


def test_customers_buy_again(exports: dict[str, pl.DataFrame]) -> None:
    sales = exports["orders"].filter(
        pl.col("order_kind") == "sale", pl.col("status").is_in(["paid", "partly_refunded"])
    )
    sales = sales.sort("customer_id", "paid_at")
    first = sales.with_columns(second=pl.col("paid_at").shift(-1).over("customer_id"))
    first = first.group_by("customer_id", maintain_order=True).first()
    first = first.filter(pl.col("paid_at") < END - timedelta(days=365))
    again = (_hours("second", "paid_at") <= 365 * 24).fill_null(False)
    assert 0.33 < first.select(again.mean()).item() < 0.45
    assert {"warranty_replacement", "free_part", "internal"} < set(exports["orders"]["order_kind"])


def test_the_repair_chain_is_sometimes_incomplete(exports: dict[str, pl.DataFrame], worked: pl.DataFrame) -> None:
    repairs = worked.filter(pl.col("kind") == "repair", pl.col("created_at") < END - timedelta(days=30))
    accepted = exports["visits"].filter(pl.col("accepted_at").is_not_null())
    followed = exports["ticket_events"].filter(pl.col("status") == "followup")
    assert set(followed["event_type"]) == {"call", "notice"}
    late = followed.join(accepted.group_by("ticket_id").agg(pl.col("accepted_at").max()), on="ticket_id")
    assert len(late) == len(followed)
    assert late.filter(pl.col("occurred_at") < pl.col("accepted_at")).is_empty()
    share = repairs["ticket_id"].is_in(followed["ticket_id"].implode()).mean()
    assert 0.4 < share < 0.8
