"""Sums and rows in the shape of a chart."""

from datetime import date, datetime, timedelta

import polars as pl
import pytest

from dashboard import shapes


def test_cohorts_accumulate_and_only_fully_observed_cells_are_matured() -> None:
    sums = pl.DataFrame(
        {
            "period": [date(2025, 1, 1)] * 3 + [date(2025, 3, 1)],
            "months_since": [0, 1, 2, 0],
            "customer_count": [100, 0, 0, 50],
            "repeat_count": [0, 10, 5, 0],
        }
    )
    cells = shapes.cohorts(sums, last_date=date(2025, 4, 1)).sort("cohort", "months_since")
    # January's last customer bought on the 31st: her first 30 days end on 2 March, her second on 1 April.
    assert cells.select("cohort", "months_since", "repeats", "share", "is_matured").rows() == [
        (date(2025, 1, 1), 1, 10, 0.10, True),
        (date(2025, 1, 1), 2, 15, 0.15, True),
        (date(2025, 3, 1), 1, 0, 0.0, False),
        (date(2025, 3, 1), 2, 0, 0.0, False),
    ]


def test_a_thinned_curve_starts_with_everybody_and_keeps_its_end() -> None:
    curve = pl.DataFrame(
        {
            "duration": [float(second) for second in range(1, 5_001)],
            "survival": [1 - second / 5_001 for second in range(1, 5_001)],
            "lower": [0.0] * 5_000,
            "upper": [1.0] * 5_000,
            "at_risk": list(range(5_000, 0, -1)),
        }
    )
    thin = shapes.thinned(curve)
    assert thin.height <= 260
    assert thin.row(0)[:2] == (0.0, 1.0)
    assert thin["seconds"][-1] == 5_000.0
    assert shapes.thinned(curve, last=100.0)["seconds"].max() == 100.0


def test_the_chain_is_measured_against_its_first_stage() -> None:
    sums = pl.DataFrame({f"{stage}_count": [100 - 10 * step] for step, stage in enumerate(shapes.CHAIN)})
    assert shapes.chain(sums, str)["share"].to_list() == pytest.approx([1.0, 0.9, 0.8, 0.7, 0.6, 0.5])


def test_open_complaints_are_sorted_by_the_time_left() -> None:
    as_of = datetime(2025, 6, 30, 16)
    rows = pl.DataFrame(
        {
            "complaint_id": ["late", "soon", "no limit"],
            "grade": ["general", "major", "unknown"],
            "received_at": [as_of - timedelta(days=2), as_of - timedelta(hours=5), as_of - timedelta(days=40)],
            "due_at": [as_of - timedelta(days=1), as_of + timedelta(hours=43), None],
        }
    )
    waiting = shapes.open_complaints(rows, as_of)
    assert waiting["complaint_id"].to_list() == ["late", "soon", "no limit"]
    assert waiting["age_band"].to_list() == ["under_3d", "under_1d", "over_30d"]
    assert shapes.ages(waiting)["age_band"].to_list() == ["under_1d", "under_3d", "over_30d"]


def test_complaint_outcomes_add_up_to_all_complaints() -> None:
    monthly = pl.DataFrame(
        {
            "period": [date(2025, 1, 1)],
            "complaint_count": [50],
            "settled_count": [30],
            "closure_matured_count": [42],
            "closure_maturing_count": [8],
        }
    )
    counts = shapes.complaint_outcomes(monthly)
    assert dict(counts.select("outcome", "count").iter_rows()) == {"settled": 30, "unsettled": 12, "maturing": 8}


def test_a_share_of_nothing_is_unknown() -> None:
    assert shapes.shares(pl.DataFrame({"count": [0, 0]}))["share"].to_list() == [None, None]


def test_an_hour_without_due_tickets_has_no_rate() -> None:
    sums = pl.DataFrame(
        {"weekday": [1], "hour": [3], "ticket_count": [2], "response_met_count": [0], "response_due_count": [0]}
    )
    assert shapes.hours(sums, "met")["value"].to_list() == [None]
    assert shapes.hours(sums, "volume")["value"].to_list() == [2]
