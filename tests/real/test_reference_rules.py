"""The reference rules of the real data sets, run on published snapshots, give the reference values exactly.

Each rule stands in a file beside this one, written for the facts. Two rules on delivery times are left out:
no dataset of ours carries them.
"""

from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from dashboard.metrics import query
from ingestion.warehouse.kpis import Query

pytestmark = [pytest.mark.real, pytest.mark.slow]

SERVICENOW: dict[str, list[tuple[object, ...]]] = {
    "s1_1_whole_set": [(24918, 23362, 22.1, 178.17, 381.55, 63.42, 1.1, 47.93)],
    "s1_2_by_last_priority": [
        ("urgent", 270, 270, 80.24, 205.86, 1.85, 0.0),
        ("high", 408, 408, 38.23, 173.1, 0.49, 1.23),
        ("normal", 23466, 22010, 21.55, 145.48, 64.54, 1.14),
        ("low", 774, 674, 5.02, 129.53, 84.11, 0.26),
    ],
    "s1_3_by_category": [
        ("Category 42", 3558, 0.63, 0.93),
        ("Category 26", 3338, 5.58, 1.17),
        ("Category 53", 2678, 27.88, 1.42),
        ("Category 46", 2432, 65.71, 0.62),
        ("Category 32", 1522, 1.14, 1.25),
    ],
    "s1_4_by_region": [
        ("Location 204", 5554, 27.26, 60.12),
        ("Location 161", 4002, 6.65, 70.49),
        ("Location 143", 3276, 25.62, 59.49),
        ("Location 108", 2140, 16.95, 66.87),
        ("Location 93", 1934, 24.23, 60.44),
    ],
    "s1_5_by_month_opened": [
        ("2016-02", 207, 64.73),
        ("2016-03", 8995, 39.86),
        ("2016-04", 7934, 76.7),
        ("2016-05", 7508, 77.52),
    ],
    "s1_6_first_touch": [(24918, 0.35)],
    "s1_7_waiting_for_customer": [(5471, 1230444.1)],
    "s1_8_not_closed_on_2016_05_01": [(2961,)],
}
EVENT_LOG: dict[str, list[tuple[object, ...]]] = {
    "s2_1_range": [(18858, 4217, datetime(2010, 1, 13, 11, 26, 4), datetime(2014, 1, 3, 12, 20, 58), 21)],
    "s2_2_kpis": [(4217, 15.704, 3959, 5.751, 39.071, 6.14, 24.16)],
    "s2_3_activities": [
        ("status", "new", 4478, 4159),  # Assign seriousness
        ("status", "solved", 4476, 4217),  # Resolve ticket
        ("status", "open", 4446, 3959),  # Take in charge ticket
        ("status", "closed", 4217, 4217),  # Closed
        ("status", "pending", 1112, 1019),  # Wait
        ("created", "new", 69, 69),  # Insert ticket
        ("status", "on_hold", 40, 40),  # Require upgrade
        ("escalated", "on_hold", 20, 20),  # Create SW anomaly
    ],
}
OLIST: dict[str, list[tuple[object, ...]]] = {
    "s9_1_scores": [(3986, 4.0803, 76.72, 34.24, 40.66, 99.3)],
    "s9_3_scores_by_region": [
        ("SP", 1710, 79.88),
        ("MG", 492, 77.85),
        ("RJ", 492, 69.72),
        ("PR", 206, 84.47),
        ("RS", 195, 78.46),
    ],
}
SUPERSTORE_WORKBOOK: dict[str, list[tuple[object, ...]]] = {
    "s6_1_repeat_by_segment": [
        ("(all)", 790, 98.73, 6.3),
        ("公司", 238, 97.9, 6.54),
        ("小型企业", 144, 97.92, 6.14),
        ("消费者", 408, 99.51, 6.22),
    ],
    "s6_2_returns_by_region": [
        ("(all)", 4336, 10.86),
        ("东北", 759, 11.2),
        ("中南", 1097, 10.48),
        ("华东", 1231, 10.8),
        ("华北", 601, 9.82),
        ("西北", 234, 13.25),
        ("西南", 414, 11.59),
    ],
    "s6_3_keys": [(10000, 2773, 790, 1407)],
}
SUPERSTORE_LIST: dict[str, list[tuple[object, ...]]] = {
    "s6_4_gb18030_list": [
        (9959, 2770, 790, date(2021, 1, 1), date(2024, 12, 30), Decimal("16068954.13")),
    ],
}


def _answer(snapshot: query.Snapshot, rule: str) -> list[tuple[object, ...]]:
    text = (Path(__file__).parent / f"{rule}.sql").read_text(encoding="utf-8")
    return snapshot.run(Query(text, ())).rows()


@pytest.mark.parametrize("rule", SERVICENOW)
def test_incident_log_matches_the_reference(servicenow: query.Snapshot, rule: str) -> None:
    assert _answer(servicenow, rule) == SERVICENOW[rule]


@pytest.mark.parametrize("rule", EVENT_LOG)
def test_event_log_matches_the_reference(event_log: query.Snapshot, rule: str) -> None:
    assert _answer(event_log, rule) == EVENT_LOG[rule]


@pytest.mark.parametrize("rule", OLIST)
def test_olist_matches_the_reference(olist: query.Snapshot, rule: str) -> None:
    assert _answer(olist, rule) == OLIST[rule]


@pytest.mark.parametrize("rule", SUPERSTORE_WORKBOOK)
def test_superstore_workbook_matches_the_reference(superstore_workbook: query.Snapshot, rule: str) -> None:
    assert _answer(superstore_workbook, rule) == SUPERSTORE_WORKBOOK[rule]


@pytest.mark.parametrize("rule", SUPERSTORE_LIST)
def test_superstore_list_matches_the_reference(superstore_list: query.Snapshot, rule: str) -> None:
    assert _answer(superstore_list, rule) == SUPERSTORE_LIST[rule]


def test_every_rule_file_is_run() -> None:
    run = {*SERVICENOW, *EVENT_LOG, *OLIST, *SUPERSTORE_WORKBOOK, *SUPERSTORE_LIST}
    assert run == {file.stem for file in Path(__file__).parent.glob("*.sql")}
