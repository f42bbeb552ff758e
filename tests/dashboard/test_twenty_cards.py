"""Twenty cards of the pages, each against a statement written apart from sql/: over raw rows where these tell enough,
else over the instants and durations of facts, never over the columns that an entry counts by.

The samples end on 2025-05-31, so that the page's last twelve full months are June 2024 to May 2025 in Shanghai.
"""

import json
from collections.abc import Iterator
from datetime import date
from functools import cache
from pathlib import Path

import duckdb
import pytest
import streamlit as st

from dashboard import boards, formats, kept, session
from ingestion import pipeline
from ingestion.samples import write_samples
from ingestion.settings import Settings
from ingestion.warehouse.kpis import load_kpis
from tests.dashboard.opening import open_app
from tests.gates import open_gate

pytestmark = pytest.mark.slow

AS_OF = "timestamp '2025-05-31 16:00:00'"


def within(instant: str) -> str:
    """Whether an instant in UTC lies in the twelve months, by the days of Shanghai."""
    return f"({instant} + interval 8 hour >= date '2024-06-01' and {instant} + interval 8 hour < date '2025-06-01')"


WORK = f"""
    raw.tickets where not coalesce(is_deleted, false) and not coalesce(is_spam, false) and merged_into is null
    and status <> 'cancelled' and {within("created_at")}
"""
TICKETS = f"shown.core.fct_tickets where is_counted and {within('created_at')}"
# What was solved for the first time at least a week before the newest data.
RIPE = f"(select *, first_solved_at + interval 7 day <= {AS_OF} as is_ripe from {TICKETS})"
SENT = f"raw.surveys where kind = 'instant' and {within('sent_at')} and sent_at + interval 7 day <= {AS_OF}"
SCORED = f"""
    raw.survey_answers inner join raw.surveys using (source, survey_id)
    where kind = 'instant' and {within("responded_at")} and responded_at <= sent_at + interval 7 day
"""
# Said again by the same person about the same matter within a day, it is the same complaint.
SAID = f"""
    (select *, lag(received_at) over (partition by customer_id, matter order by received_at, complaint_id) as before
     from raw.complaints)
    where {within("received_at")} and (before is null or received_at > before + interval 24 hour)
"""
GRADED = f"""
    shown.core.fct_complaints where is_counted and {within("received_at")}
"""
VISITS = f"shown.core.fct_visits where is_counted and {within('ticket_created_at')}"

CARDS: dict[tuple[str, str], str] = {
    ("overview", "ticket_volume"): f"select count(*) from {WORK}",
    ("response", "sla_response_met"): f"""
        select avg(case when first_response_at is not null and response_policy_seconds <= response_limit_seconds
            then 1 else 0 end)
        from {TICKETS} and is_response_expected and response_limit_seconds is not null
            and (first_response_at is not null or response_policy_seconds > response_limit_seconds)
    """,
    ("response", "sla_resolution_met"): f"""
        select avg(case when resolved_at is not null and resolution_policy_seconds <= resolution_limit_seconds
            then 1 else 0 end)
        from {TICKETS} and resolution_limit_seconds is not null
            and (resolved_at is not null or (is_open and resolution_policy_seconds > resolution_limit_seconds))
    """,
    ("response", "solved_within_24h"): f"""
        select avg(case when first_solved_at <= created_at + interval 24 hour
            and (reopened_at is null or reopened_at > first_solved_at + interval 7 day) then 1 else 0 end)
        from {TICKETS} and created_at + interval 8 day <= {AS_OF}
    """,
    ("overview", "reopen_rate"): f"""
        select avg(case when reopened_at <= first_solved_at + interval 7 day then 1 else 0 end)
        from {RIPE} where is_ripe
    """,
    ("overview", "backlog"): f"""
        select count(*) from raw.tickets where created_at < {AS_OF}
            and status not in ('solved', 'closed', 'cancelled') and merged_into is null
            and not coalesce(is_deleted, false) and not coalesce(is_spam, false)
    """,
    ("overview", "order_volume"): f"""
        select count(*) from raw.orders where order_kind = 'sale' and status in ('paid', 'partly_refunded')
            and {within("ordered_at")}
    """,
    ("overview", "dispatch_within_1h"): f"""
        select avg(case when dispatched_at is not null and dispatch_seconds <= 3600 then 1 else 0 end)
        from shown.core.fct_repair_chains
        where {within("created_at")}
            and (dispatched_at is not null or (resolved_at is null and dispatch_seconds > 3600))
    """,
    ("loyalty", "repurchase_90d"): f"""
        select 1 - exp(sum(ln(1 - events / at_risk))) from (
            select seconds_to_repeat, sum(case when is_repeated then 1.0 else 0 end) as events,
                sum(count(*)) over (order by seconds_to_repeat desc) as at_risk
            from shown.core.fct_first_orders where is_observed and {within("ordered_at")} group by seconds_to_repeat
        ) where events > 0 and seconds_to_repeat <= 90 * 86400
    """,
    ("first_fix", "first_contact_resolution"): f"""
        select avg(case when agent_turn_count = 1 and (reopened_at is null
            or reopened_at > first_solved_at + interval 7 day) and ticket_key not in (
                select one.ticket_key from shown.core.fct_tickets as one
                inner join shown.core.fct_tickets as next
                    on one.customer_key = next.customer_key and one.category = next.category
                    and one.ticket_key <> next.ticket_key and next.is_counted
                    and one.category <> 'unknown'
                    and next.created_at > one.first_solved_at
                    and next.created_at <= one.first_solved_at + interval 7 day
            ) then 1 else 0 end)
        from {RIPE} where is_ripe and has_messages
            and ticket_key not in (select 'sample:' || ticket_id from raw.visits)
    """,
    ("complaints", "complaint_volume"): f"select count(*) from {SAID}",
    ("complaints", "complaint_backlog"): f"""
        select count(*) from {SAID.replace(within("received_at"), f"received_at < {AS_OF}")} and resolved_at is null
    """,
    ("complaints", "complaint_closed_rate"): f"""
        select avg(case when resolved_at <= received_at + interval 30 day then 1 else 0 end)
        from {SAID} and received_at + interval 30 day <= {AS_OF}
    """,
    ("complaints", "complaint_within_24h"): f"""
        select avg(case when resolved_at <= received_at + interval 24 hour then 1 else 0 end)
        from {GRADED} and grade = 'general' and received_at + interval 24 hour <= {AS_OF}
    """,
    ("satisfaction", "csat"): f"""
        select avg(case when score >= 4 then 1 else 0 end) from {SCORED} and dimension = 'overall'
    """,
    ("satisfaction", "satisfaction_mean"): f"select avg(score) from {SCORED} and dimension = 'overall'",
    ("satisfaction", "nps"): f"""
        select 100 * avg(case when score >= 9 then 1 when score <= 6 then -1 else 0 end)
        from raw.survey_answers inner join raw.surveys using (source, survey_id)
        where dimension = 'nps' and {within("responded_at")}
    """,
    ("satisfaction", "survey_response_rate"): f"""
        select avg(case when responded_at <= sent_at + interval 7 day then 1 else 0 end) from {SENT}
    """,
    # Only by an engineer's visit: the first that had a result, of devices that are known.
    ("first_fix", "repeat_repair_30d"): f"""
        with firsts as (
            select * from {VISITS} and visit_rank = 1 and result = 'fixed' and asset_key is not null
                and ended_at + interval 30 day <= {AS_OF}
        )
        select avg(case when exists (
            select 1 from shown.core.fct_tickets as next
            left join shown.core.fct_visits as seen
                on next.ticket_key = seen.ticket_key and seen.fault_code <> 'unknown'
            where next.asset_key = firsts.asset_key and next.kind = 'repair' and next.is_counted
                and next.ticket_key <> firsts.ticket_key and next.created_at > firsts.ended_at
                and next.created_at <= firsts.ended_at + interval 30 day
                and (firsts.fault_code = 'unknown' or seen.fault_code is null or seen.fault_code = firsts.fault_code)
        ) then 1 else 0 end) from firsts
    """,
    ("response", "backlog"): f"""
        select count(*) from shown.core.fct_tickets where is_counted and created_at < {AS_OF} and resolved_at is null
            and is_open
    """,
}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As many tickets as no card says "too few" on."""
    root = tmp_path_factory.mktemp("twenty")
    write_samples(root / "exports", tickets=2_500, until=date(2025, 5, 31), optional=False)
    with open_gate():
        outcome = pipeline.run(root / "exports", Settings(home=root / "home", settle_seconds=0))
    assert outcome.verdict == "published", outcome.findings
    return root / "home"


@pytest.fixture(scope="module")
def rows(home: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """The warehouse's raw rows, and the snapshot as `shown`."""
    snapshot = home / json.loads((home / "published.json").read_text(encoding="utf-8"))["file"]
    with duckdb.connect() as con:
        con.execute(f"attach '{home / 'warehouse.duckdb'}' as warehouse (read_only)")
        con.execute(f"attach '{snapshot}' as shown (read_only)")
        con.execute("use warehouse")
        yield con


@cache
def cards_of(home: Path, page: str) -> dict[str, str]:
    """What each card of a page says, by its label."""
    st.cache_data.clear()
    kept.frames.clear()
    app = open_app(page, lang="en")
    assert not app.exception
    return {metric.label: str(metric.value) for metric in app.metric}


@pytest.mark.parametrize(("page", "kpi_id"), CARDS)
def test_a_card_says_what_a_statement_of_its_own_says(
    home: Path, rows: duckdb.DuckDBPyConnection, monkeypatch: pytest.MonkeyPatch, page: str, kpi_id: str
) -> None:
    monkeypatch.setenv("AFTERCARE_HOME", str(home))
    kpi = load_kpis()[kpi_id]
    told = cards_of(home, page)[kpi.label["en"]].removeprefix(":gray[").removesuffix("]")
    found = rows.execute(CARDS[page, kpi_id]).fetchall()[0][0]
    assert told == formats.value(float(found), kpi.unit, "en")


def test_there_are_twenty() -> None:
    assert len(CARDS) == 20


def test_a_long_table_ends_where_the_page_says(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Millions of customers cannot go to a browser: the worst stand first, and the page says that there are more."""
    monkeypatch.setenv("AFTERCARE_HOME", str(home))
    monkeypatch.setattr(session, "TABLE_SHOWN", 20)
    monkeypatch.setattr(boards, "TABLE_SHOWN", 20)
    st.cache_data.clear()
    kept.frames.clear()
    app = open_app("loyalty", lang="en")
    assert not app.exception
    (listed,) = [frame.value for frame in app.dataframe if "Signs of risk" in frame.value.columns]
    assert len(listed) == 20
    assert listed["Signs of risk"].is_monotonic_decreasing
    assert "Only the first 20 rows are shown." in [caption.value for caption in app.caption]
