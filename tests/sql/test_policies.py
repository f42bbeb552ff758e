"""The policy and target files a business person edits in a spreadsheet."""

import csv
import datetime as dt
from itertools import product
from pathlib import Path

import pytest

from data_checks.contract import datasets
from ingestion.warehouse.kpis import load_kpis

SQL = Path(__file__).parent.parent.parent / "sql"

Row = dict[str, str]


def table(name: str) -> list[Row]:
    with (SQL / name).open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


def most_specific(policies: list[Row], **ticket: str) -> Row:
    """The rule of sql/README.md, written once more: most filled conditions, then the shortest limit."""
    conditions = ("channel", "kind", "priority", "tier")
    fitting = [p for p in policies if all(p[c] in ("", ticket.get(c, "")) for c in conditions)]
    return min(fitting, key=lambda p: (-sum(p[c] != "" for c in conditions), int(p["limit_seconds"])))


def test_ids_are_unique() -> None:
    for name, key in [
        ("policies/tiers.csv", "tier"),
        ("policies/regions.csv", "region"),
        ("policies/channels.csv", "channel"),
        ("policies/sla.csv", "policy_id"),
        ("policies/flows.csv", "flow_id"),
    ]:
        ids = [row[key] for row in table(name)]
        assert len(ids) == len(set(ids)), name


def test_every_area_is_a_region_of_its_own_area() -> None:
    regions = {row["region"]: row["area"] for row in table("policies/regions.csv")}
    assert all(regions[area] == area for area in regions.values())


def test_business_clocks_name_a_calendar_that_has_hours_and_calendar_clocks_name_none() -> None:
    with_hours = {row["calendar_id"] for row in table("calendars/calendar_hours.csv")}
    for policy in table("policies/sla.csv"):
        if policy["clock"] == "business":
            assert policy["calendar_id"] in with_hours, policy["policy_id"]
        else:
            assert (policy["clock"], policy["calendar_id"]) == ("calendar", ""), policy["policy_id"]


def test_response_promises_never_pause() -> None:
    assert all(p["pauses_on"] == "" for p in table("policies/sla.csv") if p["metric"] == "response")


@pytest.mark.parametrize(
    ("ticket", "seconds"),
    [
        ({}, 1800),
        ({"channel": "chat"}, 180),
        ({"channel": "email"}, 7200),
        ({"channel": "email", "kind": "complaint"}, 3600),
        ({"channel": "web", "kind": "repair"}, 86400),
        ({"channel": "phone", "kind": "repair"}, 1800),
        ({"channel": "email", "tier": "vip"}, 3600),
        ({"channel": "chat", "tier": "vip"}, 180),
        ({"channel": "web", "kind": "repair", "tier": "vip"}, 900),
    ],
)
def test_the_response_promise_of_a_ticket(ticket: Row, seconds: int) -> None:
    policies = [p for p in table("policies/sla.csv") if p["metric"] == "response"]
    assert int(most_specific(policies, **ticket)["limit_seconds"]) == seconds


def test_no_vip_waits_longer_than_anyone_else_would() -> None:
    policies = table("policies/sla.csv")
    channels = {row["channel"] for row in table("policies/channels.csv")}
    kinds = ("consult", "repair", "complaint", "return", "other")
    for metric, channel, kind in product(("response", "resolution"), channels, kinds):
        of_metric = [p for p in policies if p["metric"] == metric]
        vip = most_specific(of_metric, channel=channel, kind=kind, tier="vip")
        anyone = most_specific(of_metric, channel=channel, kind=kind, tier="standard")
        assert int(vip["limit_seconds"]) <= int(anyone["limit_seconds"]), (metric, channel, kind)


def test_every_kind_of_customer_has_one_flow_for_every_scene() -> None:
    conditions = ("customer_type", "tier", "scene")
    flows = table("policies/flows.csv")
    tiers = [row["tier"] for row in table("policies/tiers.csv")]
    scenes = datasets()["tickets"].column("scene").values
    for case in product(("business", "consumer", ""), (*tiers, ""), scenes):
        fitting = [f for f in flows if all(f[c] in ("", value) for c, value in zip(conditions, case, strict=True))]
        filled = [sum(f[c] != "" for c in conditions) for f in fitting]
        assert filled.count(max(filled, default=0)) == 1, case


def test_flows_name_types_tiers_and_scenes_that_exist() -> None:
    tiers = {row["tier"] for row in table("policies/tiers.csv")}
    for flow in table("policies/flows.csv"):
        assert flow["customer_type"] in ("", *datasets()["customers"].column("customer_type").values)
        assert flow["tier"] in ("", *tiers)
        assert flow["scene"] in datasets()["tickets"].column("scene").values
        assert flow["label_zh"]
        assert flow["label_en"]


def test_targets_are_dated_rows_with_a_number_a_direction_and_a_quote() -> None:
    kinds = {"absolute", "relative", "pp", "benchmark", "benchmark_relative"}
    for row in table("targets/targets.csv"):
        float(row["value"])
        dt.date.fromisoformat(row["valid_from"])
        assert row["kind"] in kinds
        assert row["operator"] in {">=", "<="}
        assert row["document"]
        assert row["quote"]
        assert bool(row["scope_dimension"]) == bool(row["scope_value"])


def test_targets_name_kpis_and_dimensions_that_exist() -> None:
    kpis = load_kpis()
    for row in table("targets/targets.csv"):
        assert row["kpi"] in kpis
        assert row["scope_dimension"] in ("", *kpis[row["kpi"]].dimensions)
