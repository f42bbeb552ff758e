"""The golden tickets under four sets of rules, each worked out by hand, and why they differ."""

from datetime import date

import pytest

from dashboard.metrics import query
from dashboard.metrics.access import Scope
from ingestion.warehouse.kpis import Filter, load_kpis
from ingestion.warehouse.views import load_views

WINDOW = Filter(date(2025, 9, 1), date(2025, 12, 10))

# rule: tickets in response, median (s), in one touch, share, share reopened, in resolution, median (s)
COMPARED = {
    # As worked out in test_golden_tickets.py.
    "ours": (11, 5_100, 6, 3 / 6, 1 / 9, 11, 183_600),
    # 600 600 1920 2700 4800 5400 15300 36000 748200: 7 and 8 have no reply; 4 begins at its creation, not at its
    # reopening; 5 was opened by an agent, so its second comment counts. Of ten solved, 1 and 5 have two comments; the
    # merged 6 has none and counts as one touch. 300 2400 4500 7800 19800 ...: the fifth of ten.
    "zendesk": (9, 4_800, 10, 8 / 10, 1 / 10, 10, 19_800),
    # 0 600 600 1920 2700 ...: the agent's opening words answer ticket 5. Without the merged 6; 4 was solved twice.
    "freshdesk": (9, 2_700, 9, 6 / 9, 1 / 9, 9, 77_400),
    # Exactly one comment: 6 has none.
    "dbt_zendesk": (9, 4_800, 10, 7 / 10, 1 / 10, 10, 19_800),
}
DIFFERENCES = {
    ("zendesk", "response", "open_left_out"): "7, 8",
    ("zendesk", "response", "other_start"): "4, 5",
    ("zendesk", "one_touch", "excluded_kept"): "6",
    ("zendesk", "one_touch", "not_matured_or_visited_kept"): "10, 11, 12",
    ("zendesk", "one_touch", "came_back_or_no_reply_counted"): "2, 4",
    # Two messages of one agent in a row are one turn: ticket 1.
    ("zendesk", "one_touch", "turn_counted_as_messages"): "1",
    ("zendesk", "resolution", "open_left_out"): "7, 8",
    ("zendesk", "resolution", "excluded_kept"): "6",
    ("freshdesk", "response", "open_left_out"): "7, 8",
    ("freshdesk", "response", "other_start"): "4, 5",
    ("freshdesk", "one_touch", "not_matured_or_visited_kept"): "10, 11, 12",
    ("freshdesk", "one_touch", "came_back_or_no_reply_counted"): "2",
    ("freshdesk", "one_touch", "turn_counted_as_messages"): "1",
    ("freshdesk", "resolution", "open_left_out"): "7, 8",
    ("dbt_zendesk", "response", "open_left_out"): "7, 8",
    ("dbt_zendesk", "response", "other_start"): "4, 5",
    ("dbt_zendesk", "one_touch", "excluded_kept"): "6",
    ("dbt_zendesk", "one_touch", "not_matured_or_visited_kept"): "10, 11, 12",
    ("dbt_zendesk", "one_touch", "came_back_or_no_reply_counted"): "2, 4",
    ("dbt_zendesk", "one_touch", "turn_counted_as_messages"): "1",
    ("dbt_zendesk", "resolution", "open_left_out"): "7, 8",
    ("dbt_zendesk", "resolution", "excluded_kept"): "6",
}


def rows(golden: query.Snapshot, name: str) -> list[tuple[object, ...]]:
    return query.view(golden, Scope.everything(), load_views()[name], WINDOW).rows()


@pytest.mark.parametrize("rule", COMPARED)
def test_each_rule_says_of_the_golden_tickets_what_it_says_on_paper(golden: query.Snapshot, rule: str) -> None:
    found = {row[0]: row[1:] for row in rows(golden, "definition_comparator")}
    assert found[rule] == pytest.approx(COMPARED[rule])


def test_our_own_line_is_what_our_kpis_say(golden: query.Snapshot) -> None:
    said = {
        kpi: query.values(golden, Scope.everything(), load_kpis()[kpi], WINDOW)["value"].item()
        for kpi in ("first_response_time_calendar", "first_contact_resolution", "reopen_rate", "resolution_time")
    }
    ours = rows(golden, "definition_comparator")[0]
    assert (ours[2], ours[4], ours[5], ours[7]) == pytest.approx(tuple(said.values()))


def test_every_ticket_that_differs_is_named_with_its_reason(golden: query.Snapshot) -> None:
    found = {row[:3]: row[3:] for row in rows(golden, "definition_differences")}
    assert {reason: ids for reason, (_, ids) in found.items()} == {
        reason: ", ".join(sorted(ids.split(", "))) for reason, ids in DIFFERENCES.items()
    }
    assert all(count == len(str(ids).split(", ")) for count, ids in found.values())
