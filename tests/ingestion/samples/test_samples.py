"""The sample exports as files: repeatable, whole, consistent, and never ahead of their date."""

import csv
import json
import re
from collections.abc import Callable
from datetime import date, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import duckdb
import polars as pl
import pytest

from data_checks.contract import datasets
from ingestion.landing.land import land_file
from ingestion.mapping import ExportFile, find_exports, load_sources
from ingestion.samples import write_samples

pytestmark = pytest.mark.slow

ReadRows = Callable[[ExportFile], pl.DataFrame]
LoadExports = Callable[[Path], dict[str, pl.DataFrame]]
UNTIL = date(2026, 6, 30)
END = datetime(2026, 7, 1)
ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{2,39}")
# Our column -> the dataset that must hold it. What a ticket or a survey lacks is empty, never dangling.
REFERENCES = {
    "customer_id": "customers",
    "master_customer_id": "customers",
    "referred_by": "customers",
    "product_id": "products",
    "asset_id": "assets",
    "order_id": "orders",
    "ticket_id": "tickets",
    "merged_into": "tickets",
    "survey_id": "surveys",
    "outlet_id": "outlets",
    "visit_id": "visits",
    "knowledge_id": "knowledge_articles",
    "staff_id": "staff",
    "agent_id": "staff",
    "engineer_id": "staff",
    "account_manager_id": "staff",
    "first_owner_id": "staff",
    "owner_id": "staff",
}
KEYS = {
    "customers": ["customer_id"],
    "customer_tier_history": ["customer_id", "valid_from"],
    "customer_links": ["customer_id"],
    "products": ["product_id"],
    "assets": ["asset_id"],
    "outlets": ["outlet_id"],
    "orders": ["order_id"],
    "order_items": ["order_id", "line_no"],
    "tickets": ["ticket_id"],
    "ticket_events": ["ticket_id", "event_seq"],
    "complaints": ["complaint_id"],
    "surveys": ["survey_id"],
    "survey_answers": ["survey_id", "dimension"],
    "visits": ["visit_id"],
    "calls": ["call_id"],
    "chat_sessions": ["session_id"],
    "interactions": ["interaction_id"],
    "points_ledger": ["entry_id"],
    "staff": ["staff_id"],
    "staff_assessments": ["assessment_id"],
    "training": ["training_id"],
    "roster": ["staff_id", "shift_start_at"],
    "parts_usage": ["usage_id"],
    "replacements": ["replacement_id"],
    "iot_alerts": ["alert_id"],
    "knowledge_articles": ["article_id"],
    "qa_reviews": ["review_id"],
    "social_mentions": ["mention_id"],
    "pain_points": ["item_id"],
    "pilots": ["pilot_id"],
    "benchmarks": ["benchmark_id"],
}
SHEETS_OF_THE_PROGRAMME = {"pain_points", "pilots", "benchmarks"}
MAY_LIE_AHEAD = {"warranty_end_at", "promised_from_at", "promised_to_at", "due_at", "shift_end_at"}


def test_equal_arguments_give_equal_files(small: Path, tmp_path: Path) -> None:
    write_samples(tmp_path, tickets=2_000, until=UNTIL)
    first, second = (sorted((directory / "sample").iterdir()) for directory in (small, tmp_path))
    assert [path.name for path in first] == [path.name for path in second]
    assert [path.name for path in first if path.read_bytes() != (tmp_path / "sample" / path.name).read_bytes()] == []


def test_another_seed_gives_other_tickets(small: Path, tmp_path: Path) -> None:
    write_samples(tmp_path, tickets=2_000, seed=7, until=UNTIL)
    name = f"sample/tickets-{UNTIL}.csv"
    assert (tmp_path / name).read_bytes() != (small / name).read_bytes()


def test_every_file_belongs_to_a_feed_and_every_feed_has_its_file(small: Path) -> None:
    matched, unmatched = find_exports(small, load_sources())
    assert unmatched == []
    assert {file.feed for file in matched} == set(load_sources()["sample"].feeds) == set(KEYS)
    for file in matched:
        name = "programme" if file.feed in SHEETS_OF_THE_PROGRAMME else file.feed
        assert file.path.name.startswith(f"{name}-{UNTIL}.")


def test_core_exports_alone_are_the_same_without_the_rest(small: Path, tmp_path: Path) -> None:
    write_samples(tmp_path, tickets=2_000, until=UNTIL, optional=False)
    files = {path.name for path in (tmp_path / "sample").iterdir()}
    core = {name for name, dataset in datasets().items() if not dataset.is_optional_export}
    assert {name.split(f"-{UNTIL}")[0] for name in files} == core
    differing = [n for n in files if (tmp_path / "sample" / n).read_bytes() != (small / "sample" / n).read_bytes()]
    assert differing == []


def test_the_mapping_names_every_heading_of_every_file(small: Path, read_rows: ReadRows) -> None:
    source = load_sources()["sample"]
    for file in find_exports(small, {"sample": source})[0]:
        assert tuple(read_rows(file).columns) == source.feeds[file.feed].headings


@pytest.mark.parametrize("until", [date(2024, 2, 29), date(2026, 2, 28), date(2027, 3, 15)])
def test_any_last_day_will_do(tmp_path: Path, until: date, load_exports: LoadExports) -> None:
    write_samples(tmp_path, tickets=500, until=until)
    created = load_exports(tmp_path)["tickets"]["created_at"]
    assert len(created) == 500
    assert created.min() >= datetime(until.year - 2, until.month, min(until.day, 28))
    assert created.max() < datetime(until.year, until.month, until.day) + timedelta(days=1)


@pytest.mark.parametrize("tickets", [60, 300])
def test_a_handful_of_tickets_is_still_whole(tmp_path: Path, tickets: int, load_exports: LoadExports) -> None:
    write_samples(tmp_path, tickets=tickets, until=UNTIL)
    empty = {name for name, frame in load_exports(tmp_path).items() if frame.is_empty()}
    assert empty <= {"replacements", "iot_alerts", "qa_reviews"}


def test_every_record_lands_and_none_is_flagged(small: Path, read_rows: ReadRows) -> None:
    feeds = load_sources()["sample"].feeds
    con = duckdb.connect()
    con.execute("create schema landing")
    for number, file in enumerate(find_exports(small, load_sources())[0]):
        landed = land_file(con, "memory", file, feeds[file.feed], f"L{number}")
        assert (landed.rows_quarantined, landed.rows_duplicate) == (0, 0)
        assert landed.rows_read == landed.rows_loaded == len(read_rows(file))
        assert landed.data_through == END - timedelta(hours=8)
        flags = con.sql(f'select flags from landing."L{number}__{file.feed}" where len(flags) > 0').fetchall()
        assert flags == []


def test_natural_keys_are_unique(exports: dict[str, pl.DataFrame]) -> None:
    repeated = {name: frame.select(KEYS[name]).is_duplicated().sum() for name, frame in exports.items()}
    assert repeated == dict.fromkeys(KEYS, 0)


def test_ids_look_like_ids(exports: dict[str, pl.DataFrame]) -> None:
    for frame in exports.values():
        for name in (name for name in frame.columns if name.endswith("_id")):
            assert all(ID.fullmatch(value) for value in frame[name].drop_nulls().unique())


def test_every_value_is_one_the_contract_knows(exports: dict[str, pl.DataFrame]) -> None:
    for name, frame in exports.items():
        for column in (c for c in datasets()[name].columns if c.name in frame.columns):
            found = (
                set(frame[column.name].drop_nulls().cast(pl.String).unique()) if column.type != "instant" else set()
            )
            if column.type == "enum":
                assert found <= set(column.values), column.name
            elif column.type == "bool":
                assert found <= {"true", "false", "是", "否", "1", "0"}, column.name
            elif column.type == "int":
                assert all(value.removeprefix("-").isdecimal() for value in found), column.name
        assert {c.name for c in datasets()[name].columns if c.required} <= set(frame.columns)


def test_nothing_refers_to_what_is_not_there(exports: dict[str, pl.DataFrame]) -> None:
    for name, frame in exports.items():
        for column, target in REFERENCES.items():
            if column in frame.columns and name != target:
                assert _dangling(frame[column], exports[target]) == []
    for name, column in (("tickets", "merged_into"), ("customers", "referred_by")):
        assert _dangling(exports[name][column], exports[name]) == []


def _dangling(values: pl.Series, target: pl.DataFrame) -> list[str]:
    known = set(target.to_series(0))
    return [value for value in values.drop_nulls().unique() if value not in known]


def test_nothing_happens_after_the_last_day(exports: dict[str, pl.DataFrame]) -> None:
    for frame in exports.values():
        for column in (c for c in frame.columns if frame[c].dtype == pl.Datetime and c not in MAY_LIE_AHEAD):
            assert frame.filter(pl.col(column) >= END).is_empty(), column


@pytest.mark.parametrize(
    ("dataset", "chain"),
    [
        ("tickets", ["created_at", "first_response_at"]),
        ("tickets", ["created_at", "resolved_at", "closed_at"]),
        ("visits", ["dispatched_at", "arrived_at", "finished_at", "accepted_at"]),
        ("visits", ["promised_from_at", "promised_to_at"]),
        ("complaints", ["received_at", "graded_at", "resolved_at", "customer_confirmed_at"]),
        ("complaints", ["received_at", "plan_fed_back_at"]),
        ("surveys", ["sent_at", "responded_at", "followup_at"]),
        ("orders", ["ordered_at", "paid_at", "updated_at"]),
        ("customers", ["signup_at", "churned_at"]),
        ("customer_tier_history", ["valid_from", "valid_to"]),
        ("assets", ["sold_at", "warranty_end_at"]),
        ("calls", ["queued_at", "answered_at"]),
        ("calls", ["queued_at", "abandoned_at"]),
        ("chat_sessions", ["started_at", "human_requested_at", "agent_first_message_at", "ended_at"]),
        ("interactions", ["occurred_at", "coupon_used_at"]),
        ("staff", ["hired_at", "left_at"]),
        ("roster", ["shift_start_at", "shift_end_at"]),
        ("parts_usage", ["requested_at", "issued_at"]),
        ("replacements", ["approved_at", "delivered_at"]),
        ("knowledge_articles", ["created_at", "updated_at"]),
        ("social_mentions", ["occurred_at", "answered_at"]),
        ("pain_points", ["opened_at", "effective_at"]),
        ("pain_points", ["opened_at", "closed_at"]),
        ("pilots", ["started_at", "ended_at"]),
    ],
)
def test_times_are_in_order(exports: dict[str, pl.DataFrame], dataset: str, chain: list[str]) -> None:
    for earlier, later in pairwise(chain):
        assert exports[dataset].filter(pl.col(later) < pl.col(earlier)).is_empty()


def test_visits_follow_their_ticket_and_each_other(exports: dict[str, pl.DataFrame]) -> None:
    visits = exports["visits"].join(exports["tickets"].select("ticket_id", "created_at"), on="ticket_id")
    assert visits.filter(pl.col("dispatched_at") < pl.col("created_at")).is_empty()
    visits = visits.with_columns(pl.col("visit_no").cast(pl.Int64)).sort("ticket_id", "visit_no")
    before = pl.col("finished_at").shift(1).over("ticket_id")
    assert visits.filter(pl.col("dispatched_at") < before).is_empty()
    assert visits.filter(pl.col("visit_no") != pl.int_range(1, pl.len() + 1).over("ticket_id")).is_empty()
    assert set(visits["visit_no"]) == {1, 2, 3}


def test_the_tiers_of_a_customer_follow_each_other_without_gap(exports: dict[str, pl.DataFrame]) -> None:
    history = exports["customer_tier_history"].sort("customer_id", "valid_from")
    following = pl.col("valid_from").shift(-1).over("customer_id")
    assert history.filter(pl.col("valid_to").ne_missing(following)).is_empty()
    latest = history.filter(pl.col("valid_to").is_null()).join(exports["customers"], on="customer_id")
    assert len(latest) == len(exports["customers"])
    assert latest.filter(pl.col("tier") != pl.col("tier_right")).is_empty()


def test_the_tickets_agree_with_their_history(exports: dict[str, pl.DataFrame]) -> None:
    events = exports["ticket_events"].sort("ticket_id", "event_seq")
    assert events.filter(pl.col("occurred_at") < pl.col("occurred_at").shift(1).over("ticket_id")).is_empty()
    status = events.filter(pl.col("status").is_not_null(), pl.col("status") != "followup")
    final = status.group_by("ticket_id").agg(
        pl.col("status").last().alias("last_status"),
        ((pl.col("status") == "open") & (pl.col("status").shift(1) == "solved")).sum().alias("reopened"),
        pl.col("occurred_at").filter(pl.col("status") == "closed").last().alias("closed"),
        pl.col("occurred_at").filter(pl.col("status") == "solved").last().alias("solved"),
    )
    both = exports["tickets"].join(final, on="ticket_id", validate="1:1")
    assert len(both) == len(exports["tickets"])
    assert both.filter(pl.col("status") != pl.col("last_status")).is_empty()
    assert both.filter(pl.col("reopen_count").cast(pl.Int64) != pl.col("reopened")).is_empty()
    assert both.filter(pl.col("closed_at").ne_missing(pl.col("closed"))).is_empty()
    is_solved = pl.col("status").is_in(["solved", "closed"]) & pl.col("solved").is_not_null()
    expected = pl.when(is_solved).then(pl.col("solved"))
    assert both.filter(pl.col("resolved_at").ne_missing(expected)).is_empty()


def test_the_first_response_is_the_first_public_answer_of_a_person(exports: dict[str, pl.DataFrame]) -> None:
    said = exports["ticket_events"].filter(pl.col("event_type") == "message")
    asked = said.filter(pl.col("actor_role") == "customer").group_by("ticket_id").agg(pl.col("event_seq").min())
    alerts = (
        exports["tickets"].filter(pl.col("opened_by") == "alert").select("ticket_id", event_seq=pl.lit(0, pl.Int64))
    )
    started = pl.concat([asked.join(alerts, on="ticket_id", how="anti").cast({"event_seq": pl.Int64}), alerts])
    answers = said.filter(pl.col("actor_role") == "agent", pl.col("is_public")).join(started, on="ticket_id")
    answers = answers.filter(pl.col("event_seq") > pl.col("event_seq_right"))
    first = answers.group_by("ticket_id").agg(pl.col("occurred_at").min())
    both = exports["tickets"].join(first, on="ticket_id", how="left")
    assert both.filter(pl.col("first_response_at").ne_missing(pl.col("occurred_at"))).is_empty()


def test_the_lines_of_an_order_add_up_to_its_amount(exports: dict[str, pl.DataFrame]) -> None:
    money = pl.col("amount").cast(pl.Decimal(18, 2))
    lines = exports["order_items"].group_by("order_id").agg(money.sum().alias("lines"))
    both = exports["orders"].with_columns(money).join(lines, on="order_id", validate="1:1")
    assert len(both) == len(exports["orders"])
    assert both.filter(pl.col("amount") != pl.col("lines")).is_empty()


def test_sizes_are_as_promised(exports: dict[str, pl.DataFrame]) -> None:
    sizes = {name: len(frame) for name, frame in exports.items()}
    assert sizes["tickets"] == 60_000
    assert sizes["customers"] == 20_000
    assert 40_000 < sizes["orders"] < 52_000
    assert sizes["products"] == 24
    assert exports["customers"]["region"].n_unique() == 31


def test_people_are_plainly_invented(exports: dict[str, pl.DataFrame]) -> None:
    customers = exports["customers"]
    assert customers["email"].str.ends_with("@example.com").all()
    # No Chinese mobile number begins with 10.
    assert customers["phone"].str.contains(r"^100\d{8}$").all()


def test_exports_are_of_the_declared_kinds(small: Path) -> None:
    folder = small / "sample"
    visits = (folder / f"visits-{UNTIL}.csv").read_bytes()
    with pytest.raises(UnicodeDecodeError):
        visits.decode("utf-8")
    assert "派单时间" in visits.decode("gb18030").splitlines()[0]
    first = (folder / f"surveys-{UNTIL}.ndjson").read_text(encoding="utf-8").splitlines()[0]
    assert json.loads(first)["survey_id"] == "S0000001"
    heading = next(csv.reader((folder / f"orders-{UNTIL}.csv").read_text(encoding="utf-8").splitlines()))
    assert heading[0] == "订单编号"
