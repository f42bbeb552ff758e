"""What a customer was, night by night: corrections, late rows, complete exports and several sources."""

from __future__ import annotations

from collections.abc import Callable

import pytest

RunModel = Callable[..., list[tuple[object, ...]]]

RUN = """
    run_id | as_of            | business_timezone
    -------+------------------+------------------
    R1     | 2025-06-25 00:00 | Asia/Shanghai
"""
SOURCES = """
    source | customer_namespace | customer_precedence | master_namespace
    -------+--------------------+---------------------+-----------------
    crm    | acme               | 10                  | acme
    shop   | acme               | 100                 | acme
    web    | web                | 50                  | acme
"""
NIGHTS = """
    load_id | load_seq | source | feed      | data_through     | is_full
    --------+----------+--------+-----------+------------------+--------
    L1      | 1        | crm    | customers | 2025-06-01 00:00 | {full}
    L2      | 2        | crm    | customers | 2025-06-02 00:00 | {full}
    L3      | 3        | crm    | customers | 2025-06-03 00:00 | {full}
"""
SPANS = "customer_key, cast(cast(valid_from as date) as varchar), tier, region, account_manager_id, tier_basis"


# The export of 20 May was loaded last. Load sequence numbers of raw.loads follow how far exports reach.
LATE_NIGHT = """
    load_id | load_seq | source | feed      | data_through     | is_full
    --------+----------+--------+-----------+------------------+--------
    L3      | 1        | crm    | customers | 2025-05-20 00:00 | {full}
    L1      | 2        | crm    | customers | 2025-06-01 00:00 | {full}
    L2      | 3        | crm    | customers | 2025-06-02 00:00 | {full}
"""
LATE_ROWS = """
    source | load_id | load_seq | customer_id | tier     | region | account_manager_id
    -------+---------+----------+-------------+----------+--------+-------------------
    crm    | L1      | 1        | C1          | silver   | 北京   | M2
    crm    | L2      | 2        | C1          | gold     | 北京   | M2
    crm    | L3      | 3        | C1          | standard | 上海   | M1
    crm    | L3      | 3        | C9          | standard | 上海   | M1
"""
COMING_AND_GOING = """
    source | load_id | load_seq | customer_id | tier
    -------+---------+----------+-------------+-----
    crm    | L1      | 1        | C1          | gold
    crm    | L3      | 3        | C1          | vip
    crm    | L2      | 2        | C2          | gold
"""


def spans(run_model: RunModel, customers: str, loads: str, **more: str) -> list[tuple[object, ...]]:
    given = {"raw.run": RUN, "raw.sources": SOURCES, "raw.loads": loads, "raw.customers": customers, **more}
    return run_model("core.dim_tier_spans", given, SPANS)


def test_three_nights_of_present_values_are_a_history(run_model: RunModel) -> None:
    customers = """
        source | load_id | customer_id | tier     | region | account_manager_id
        -------+---------+-------------+----------+--------+-------------------
        crm    | L1      | C1          | standard | 北京   | M1
        crm    | L2      | C1          | gold     | 北京   | M1
        crm    | L3      | C1          | gold     | 上海   | M2
        crm    | L1      | C2          | vip      | 广东   |
        crm    | L2      | C2          | vip      | 广东   |
        crm    | L3      | C2          | vip      | 广东   | M2
    """
    assert spans(run_model, customers, NIGHTS.format(full="false")) == [
        ("acme:C1", "1900-01-01", "standard", "北京", "M1", "assumed"),
        ("acme:C1", "2025-06-01", "standard", "北京", "M1", "known"),
        ("acme:C1", "2025-06-02", "gold", "北京", "M1", "known"),
        ("acme:C1", "2025-06-03", "gold", "上海", "M2", "known"),
        # Nobody was named before M2, who is therefore assumed to have been there all along.
        ("acme:C2", "1900-01-01", "vip", "广东", "M2", "assumed"),
        ("acme:C2", "2025-06-01", "vip", "广东", "M2", "known"),
    ]


def test_spans_follow_each_other_without_gap_or_overlap(run_model: RunModel) -> None:
    customers = """
        source | load_id | customer_id | tier     | account_manager_id
        -------+---------+-------------+----------+-------------------
        crm    | L1      | C1          | standard | M1
        crm    | L2      | C1          | gold     | M1
        crm    | L3      | C1          | gold     | M2
    """
    given = {"raw.run": RUN, "raw.sources": SOURCES, "raw.loads": NIGHTS.format(full="false")}
    ends = "cast(valid_from as varchar), cast(valid_to as varchar)"
    assert run_model("core.dim_tier_spans", {**given, "raw.customers": customers}, ends) == [
        ("1900-01-01 00:00:00", "2025-06-01 00:00:00"),
        ("2025-06-01 00:00:00", "2025-06-02 00:00:00"),
        ("2025-06-02 00:00:00", "2025-06-03 00:00:00"),
        ("2025-06-03 00:00:00", "9999-12-31 00:00:00"),
    ]


def test_a_declared_tier_history_is_joined_by_the_managers_of_the_exports(run_model: RunModel) -> None:
    customers = """
        source | load_id | customer_id | tier     | account_manager_id
        -------+---------+-------------+----------+-------------------
        crm    | L1      | C1          | standard | M1
        crm    | L2      | C1          | standard | M2
    """
    history = """
        source | load_id | customer_id | tier | region | valid_from
        -------+---------+-------------+------+--------+-----------------
        crm    | L1      | C1          | gold | 北京   | 2025-01-01 00:00
        crm    | L1      | C1          | vip  | 北京   | 2025-06-01 12:00
    """
    found = spans(run_model, customers, NIGHTS.format(full="false"), **{"raw.customer_tier_history": history})
    assert [row[1:5] for row in found] == [
        ("1900-01-01", "gold", "北京", "M1"),
        ("2025-01-01", "gold", "北京", "M1"),
        ("2025-06-01", "vip", "北京", "M1"),
        ("2025-06-02", "vip", "北京", "M2"),
    ]


def test_a_corrected_row_wins_from_its_export_on_and_the_older_stays_in_history(run_model: RunModel) -> None:
    customers = """
        source | load_id | load_seq | customer_id | tier     | version_key
        -------+---------+----------+-------------+----------+-----------------
        crm    | L1      | 1        | C1          | standard | 2025-05-01 00:00
        crm    | L2      | 2        | C1          | gold     | 2025-06-01 09:00
    """
    loads = NIGHTS.format(full="false")
    assert [row[1:3] for row in spans(run_model, customers, loads)] == [
        ("1900-01-01", "standard"),
        ("2025-06-01", "standard"),
        ("2025-06-02", "gold"),
    ]


def test_of_two_exports_that_reach_equally_far_the_newer_version_counts(run_model: RunModel) -> None:
    loads = """
        load_id | load_seq | source | feed      | data_through
        --------+----------+--------+-----------+-----------------
        L1      | 1        | crm    | customers | 2025-06-01 00:00
        L2      | 2        | crm    | customers | 2025-06-01 00:00
    """
    customers = """
        source | load_id | load_seq | customer_id | tier     | version_key
        -------+---------+----------+-------------+----------+-----------------
        crm    | L1      | 1        | C1          | gold     | 2025-05-09 00:00
        crm    | L2      | 2        | C1          | standard | 2025-05-01 00:00
        crm    | L1      | 1        | C2          | gold     | 2025-05-01 00:00
        crm    | L2      | 2        | C2          | vip      | 2025-05-01 00:00
    """
    found = spans(run_model, customers, loads)
    # C1's second row is older than its first; C2's is a correction that left the version as it was.
    assert {row[0]: row[2] for row in found} == {"acme:C1": "gold", "acme:C2": "vip"}


def test_an_older_export_loaded_later_fills_the_past_and_does_not_overwrite_the_present(run_model: RunModel) -> None:
    found = spans(run_model, LATE_ROWS, LATE_NIGHT.format(full="false"))
    assert [row[1:5] for row in found if row[0] == "acme:C1"] == [
        ("1900-01-01", "standard", "上海", "M1"),
        ("2025-05-20", "standard", "上海", "M1"),
        ("2025-06-01", "silver", "北京", "M2"),
        ("2025-06-02", "gold", "北京", "M2"),
    ]


@pytest.mark.parametrize("full", ["true", "false"])
def test_an_older_complete_export_loaded_later_neither_deletes_nor_revives(run_model: RunModel, full: str) -> None:
    given = {"raw.run": RUN, "raw.sources": SOURCES, "raw.customers": LATE_ROWS}
    columns = "customer_key, tier_now, region_now, account_manager_id"
    found = run_model("core.dim_customers", {**given, "raw.loads": LATE_NIGHT.format(full=full)}, columns)
    gone_since = [] if full == "true" else [("acme:C9", "standard", "上海", "M1")]
    assert found == [("acme:C1", "gold", "北京", "M2"), *gone_since]


def test_a_late_row_within_a_newer_export_changes_nothing(run_model: RunModel) -> None:
    customers = """
        source | load_id | load_seq | customer_id | tier     | version_key
        -------+---------+----------+-------------+----------+-----------------
        crm    | L1      | 1        | C1          | gold     | 2025-05-20 00:00
        crm    | L2      | 2        | C1          | standard | 2025-04-01 00:00
    """
    assert {row[2] for row in spans(run_model, customers, NIGHTS.format(full="false"))} == {"gold"}


def test_a_key_gone_from_a_complete_export_has_no_tier_until_it_is_back(run_model: RunModel) -> None:
    found = spans(run_model, COMING_AND_GOING, NIGHTS.format(full="true"))
    assert [row[:3] for row in found] == [
        ("acme:C1", "1900-01-01", "gold"),
        ("acme:C1", "2025-06-01", "gold"),
        ("acme:C1", "2025-06-02", "unknown"),
        ("acme:C1", "2025-06-03", "vip"),
        ("acme:C2", "1900-01-01", "gold"),
        ("acme:C2", "2025-06-02", "gold"),
        ("acme:C2", "2025-06-03", "unknown"),
    ]


def test_a_key_that_a_delta_does_not_name_stays_as_it_was(run_model: RunModel) -> None:
    found = spans(run_model, COMING_AND_GOING, NIGHTS.format(full="false"))
    assert [row[:3] for row in found if row[1] != "1900-01-01"] == [
        ("acme:C1", "2025-06-01", "gold"),
        ("acme:C1", "2025-06-03", "vip"),
        ("acme:C2", "2025-06-02", "gold"),
    ]


@pytest.mark.parametrize(("full", "there"), [("true", ["acme:C1"]), ("false", ["acme:C1", "acme:C2"])])
def test_only_a_complete_export_deletes(run_model: RunModel, full: str, there: list[str]) -> None:
    given = {"raw.run": RUN, "raw.sources": SOURCES, "raw.loads": NIGHTS.format(full=full)}
    found = run_model("core.dim_customers", {**given, "raw.customers": COMING_AND_GOING}, "customer_key")
    assert found == [(key,) for key in there]


def test_a_tombstone_ends_what_was_known_until_the_key_is_back(run_model: RunModel) -> None:
    customers = """
        source | load_id | load_seq | customer_id | tier | is_gone | account_manager_id
        -------+---------+----------+-------------+------+---------+-------------------
        crm    | L1      | 1        | C1          | gold | false   | M1
        crm    | L2      | 2        | C1          | gold | true    | M1
        crm    | L3      | 3        | C1          | vip  |         | M2
    """
    assert [row[1:5] for row in spans(run_model, customers, NIGHTS.format(full="false"))] == [
        ("1900-01-01", "gold", "unknown", "M1"),
        ("2025-06-01", "gold", "unknown", "M1"),
        ("2025-06-02", "unknown", "unknown", None),
        ("2025-06-03", "vip", "unknown", "M2"),
    ]


def test_the_believed_source_keeps_its_word_whatever_the_other_says_later(run_model: RunModel) -> None:
    loads = """
        load_id | load_seq | source | feed      | data_through
        --------+----------+--------+-----------+-----------------
        L1      | 1        | crm    | customers | 2025-06-01 00:00
        L2      | 2        | shop   | customers | 2025-06-02 00:00
        L3      | 3        | shop   | customers | 2025-06-03 00:00
        L4      | 4        | crm    | customers | 2025-06-04 00:00
    """
    customers = """
        source | load_id | load_seq | customer_id | tier     | region | account_manager_id
        -------+---------+----------+-------------+----------+--------+-------------------
        crm    | L1      | 1        | C1          | gold     |        | M1
        shop   | L2      | 2        | C1          | standard | 北京   | M9
        shop   | L3      | 3        | C1          | silver   | 上海   | M9
        crm    | L4      | 4        | C1          | vip      |        | M1
    """
    # The shop is believed about the region alone, which the CRM leaves empty; the first it tells reaches back.
    assert [row[1:5] for row in spans(run_model, customers, loads)] == [
        ("1900-01-01", "gold", "北京", "M1"),
        ("2025-06-01", "gold", "北京", "M1"),
        ("2025-06-03", "gold", "上海", "M1"),
        ("2025-06-04", "vip", "上海", "M1"),
    ]


def test_a_complete_export_sent_again_replaces_the_one_that_reaches_equally_far(run_model: RunModel) -> None:
    loads = """
        load_id | load_seq | source | feed      | data_through     | is_full
        --------+----------+--------+-----------+------------------+--------
        L1      | 1        | crm    | customers | 2025-06-01 00:00 | true
        L2      | 2        | crm    | customers | 2025-06-02 00:00 | true
        L3      | 3        | crm    | customers | 2025-06-02 00:00 | true
    """
    customers = """
        source | load_id | load_seq | customer_id | tier
        -------+---------+----------+-------------+-----
        crm    | L1      | 1        | C1          | gold
        crm    | L2      | 2        | C1          | gold
        crm    | L3      | 3        | C1          | gold
        crm    | L1      | 1        | C2          | gold
        crm    | L3      | 3        | C2          | gold
        crm    | L1      | 1        | C3          | gold
        crm    | L2      | 2        | C3          | gold
    """
    # C1 was never away, C2 was forgotten and is back, C3 was in by mistake.
    assert [row[:3] for row in spans(run_model, customers, loads) if row[1] != "1900-01-01"] == [
        ("acme:C1", "2025-06-01", "gold"),
        ("acme:C2", "2025-06-01", "gold"),
        ("acme:C3", "2025-06-01", "gold"),
        ("acme:C3", "2025-06-02", "unknown"),
    ]


def test_a_customer_whom_another_feed_of_the_source_names_as_well_is_not_gone(run_model: RunModel) -> None:
    loads = """
        load_id | load_seq | source | feed      | data_through     | is_full
        --------+----------+--------+-----------+------------------+--------
        L1      | 1        | crm    | customers | 2025-06-01 00:00 | true
        L2      | 2        | crm    | customers | 2025-06-02 00:00 | true
        L3      | 3        | crm    | contacts  | 2025-06-02 00:00 | false
    """
    customers = """
        source | load_id | load_seq | customer_id | tier
        -------+---------+----------+-------------+-----
        crm    | L1      | 1        | C1          | gold
        crm    | L2      | 2        | C1          | gold
        crm    | L3      | 3        | C1          | gold
    """
    assert {row[2] for row in spans(run_model, customers, loads)} == {"gold"}


RIVALS = """
    load_id | load_seq | source | feed      | data_through
    --------+----------+--------+-----------+-----------------
    L1      | 1        | crm    | customers | 2025-06-01 00:00
    L2      | 2        | shop   | customers | 2025-06-03 00:00
    L3      | 3        | crm    | customers | 2025-06-05 00:00
"""
# Neither source is declared to be believed first. In the second case the shop tells no versions.
STATEMENTS = """
    source | load_id | load_seq | customer_id | tier | version_key
    -------+---------+----------+-------------+------+-----------------
    crm    | L1      | 1        | C1          | gold | 2025-05-01 00:00
    shop   | L2      | 2        | C1          | vip  | {shop}
    crm    | L3      | 3        | C1          | gold | {crm}
"""


@pytest.mark.parametrize(
    ("versions", "told"),
    [
        (("2025-06-02 00:00", "2025-06-04 00:00"), ["gold", "gold", "vip", "gold"]),
        (("''", "2025-05-01 00:00"), ["gold", "gold", "vip"]),
    ],
)
@pytest.mark.parametrize("is_now", [False, True])
def test_between_equal_sources_the_history_ends_with_what_is_believed_now(
    run_model: RunModel, versions: tuple[str, str], told: list[str], is_now: bool
) -> None:
    customers = STATEMENTS.format(shop=versions[0], crm=versions[1])
    sources = SOURCES.replace("| 10 ", "| 100")
    if is_now:
        given = {"raw.run": RUN, "raw.sources": sources, "raw.loads": RIVALS, "raw.customers": customers}
        assert run_model("core.dim_customers", given, "tier_now") == [(told[-1],)]
    else:
        assert [row[2] for row in spans(run_model, customers, RIVALS, **{"raw.sources": sources})] == told


def test_the_first_tier_reaches_back_beyond_what_was_told_of_the_region(run_model: RunModel) -> None:
    customers = """
        source | load_id | load_seq | customer_id | tier | region
        -------+---------+----------+-------------+------+-------
        shop   | L1      | 1        | C1          |      | 北京
        shop   | L2      | 2        | C1          |      | 上海
        crm    | L3      | 3        | C1          | gold |
    """
    loads = NIGHTS.format(full="false").replace("crm ", "shop", 2)
    assert [(*row[1:4], row[5]) for row in spans(run_model, customers, loads)] == [
        ("1900-01-01", "gold", "北京", "assumed"),
        ("2025-06-01", "gold", "北京", "assumed"),
        ("2025-06-02", "gold", "上海", "assumed"),
        ("2025-06-03", "gold", "上海", "known"),
    ]
