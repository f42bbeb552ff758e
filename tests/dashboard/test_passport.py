"""A number's passport: made again it is the same, changed it is told, and what it names is what stands behind it."""

from __future__ import annotations

import json
import shutil
from datetime import date
from typing import TYPE_CHECKING, Any

import duckdb
import pytest

from dashboard.metrics import passport as passports
from dashboard.metrics import query
from dashboard.metrics.access import Scope
from ingestion.warehouse.kpis import Filter, load_kpis
from ingestion.warehouse.reported import Window, slices_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from dashboard.metrics.query import Snapshot
    from tests.dashboard.asked import Answer

pytestmark = pytest.mark.slow

EVERYTHING = Scope.everything()
KPIS = load_kpis()


def kept(told: dict[str, Any]) -> dict[str, Any]:
    """A passport as it comes back from a file."""
    return dict(json.loads(json.dumps(told, ensure_ascii=False)))


def close(value: float | None) -> Any:
    """Equal but for the last digits of a double; None is equal to None alone."""
    return value if value is None else pytest.approx(value, rel=1e-12, abs=1e-12)


@pytest.mark.parametrize("kpi", KPIS)
def test_every_number_can_be_made_again(sample_snapshot: Snapshot, kpi: str) -> None:
    by = slices_of(KPIS[kpi])[:1]
    told = kept(passports.passport(sample_snapshot, EVERYTHING, KPIS[kpi], Filter(), by, "quarter"))
    assert passports.verify(sample_snapshot, told) == []
    shown = {(row["period"], *(row[name] for name in by)): row["value"] for row in told["values"]}
    for row in told["result"]:
        value = shown[(row["period"], *(row[name] for name in by))]
        assert value is None or value == close(row["value"]), "what is shown is what the stored SQL gives"
    if KPIS[kpi].kind != "rate":
        assert told["rows"]["numerator"]["count"] <= told["rows"]["denominator"]["count"]
    # Some count nights, targets or weights: what this program keeps itself, and no export.
    assert bool(told["files"]) == bool(sample_snapshot.connected.intersection(told["datasets"]))
    for file in told["files"]:
        assert file["rows_read"] == file["rows_loaded"] + file["rows_quarantined"] + file["rows_duplicate"]


@pytest.fixture(scope="module")
def tampered(sample_snapshot: Snapshot, tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    """A copy of the snapshot, its record beside it, in which one rating was made a good one."""
    folder = tmp_path_factory.mktemp("tampered")
    for file in (sample_snapshot.file, sample_snapshot.file.with_suffix(".json")):
        shutil.copy(file, folder)
    copy = folder / sample_snapshot.file.name
    copy.chmod(0o600)
    with duckdb.connect(str(copy)) as con:
        con.execute(
            """update core.fct_survey_answers set is_satisfied = true where survey_key = (
                select min(survey_key) from core.fct_survey_answers
                where is_rating and not is_satisfied and rated_date between '2025-01-01' and '2025-05-31')"""
        )
    return query.Snapshot(
        run_id=sample_snapshot.run_id,
        as_of=sample_snapshot.as_of,
        published_at=sample_snapshot.published_at,
        file=copy,
    )


def test_a_row_that_was_changed_is_told(sample_snapshot: Snapshot, tampered: Snapshot) -> None:
    # By the area of the customer the mart does not answer, so the changed fact itself is asked.
    wanted = Filter(date(2025, 1, 1), date(2025, 5, 31))
    told = kept(passports.passport(sample_snapshot, EVERYTHING, KPIS["satisfaction_mean"], wanted))
    assert [one["what"] for one in passports.verify(tampered, told)] == ["snapshot"], "its scores are untouched"
    parts = kept(passports.passport(sample_snapshot, EVERYTHING, KPIS["csat"], wanted))
    differences = passports.verify(tampered, parts)
    assert {one["what"] for one in differences} == {"snapshot", "rows"}, "its mart is untouched, its rows are not"
    rows = next(one for one in differences if one["what"] == "rows")
    assert rows["part"] == "numerator"
    assert rows["found"] == rows["told"] + 1


def test_a_passport_of_the_changed_snapshot_says_that_its_file_is_another(tampered: Snapshot) -> None:
    told = kept(passports.passport(tampered, EVERYTHING, KPIS["csat"], Filter()))
    assert [one["what"] for one in passports.verify(tampered, told)] == ["snapshot"]


def test_a_passport_that_was_changed_is_told(sample_snapshot: Snapshot) -> None:
    told = kept(passports.passport(sample_snapshot, EVERYTHING, KPIS["nps"], Filter()))
    told["result"][0]["value"] += 1e-9
    differences = passports.verify(sample_snapshot, told)
    assert [one["what"] for one in differences] == ["passport", "value"]
    told["files"][0]["sha256"] = "0" * 64
    assert "file" in [one["what"] for one in passports.verify(sample_snapshot, told)]
    told["sql"] = "select nothing from nowhere"
    assert "sql" in [one["what"] for one in passports.verify(sample_snapshot, told)]


def test_values_a_billionth_of_a_billionth_apart_are_the_same() -> None:
    row = {"period": None, "value": 0.1 + 0.2, "numerator": 3, "n": 10}
    assert passports._value_differences([row], [{**row, "value": 0.3}]) == []
    assert passports._value_differences([row], [{**row, "numerator": 4}]) != []
    assert passports._value_differences([row], [{**row, "value": None}]) != []
    assert passports._value_differences([row], []) != []


def test_the_lineage_of_orders_by_hand(sample_snapshot: Snapshot) -> None:
    """mart_orders_daily reads fct_orders; that stg_orders and what says who and where the customer is."""
    told = passports.passport(sample_snapshot, EVERYTHING, KPIS["order_volume"], Filter())
    models = {model["name"]: model["reads"] for model in told["models"]}
    assert models["marts.mart_orders_daily"] == ["core.fct_orders"]
    assert "staging.stg_orders" in models["core.fct_orders"]
    assert models["staging.stg_orders"] == ["raw.loads", "raw.orders", "raw.run", "raw.sources"]
    assert {"orders", "customers"} <= set(told["datasets"])
    assert not {"tickets", "surveys", "complaints", "visits", "calls"} & set(told["datasets"])
    named = {name for file in told["files"] for name in file["datasets"]}
    assert named == set(told["datasets"]) & sample_snapshot.connected


def test_the_lineage_of_tickets_by_hand(sample_snapshot: Snapshot) -> None:
    """mart_tickets_daily stands on the ticket alone, its profile, answers, spans, promises and clock."""
    told = passports.passport(sample_snapshot, EVERYTHING, KPIS["ticket_volume"], Filter())
    models = {model["name"]: model["reads"] for model in told["models"]}
    assert models["marts.mart_tickets_daily"] == ["core.fct_tickets_own"]
    assert {"core.fct_ticket_profiles", "core.fct_ticket_responses", "core.fct_open_spans"} <= set(models)
    assert {"core.dim_sla_targets", "core.dim_clock", "raw.sla", "raw.calendar_days"} <= set(models)
    assert {"tickets", "ticket_events", "visits", "customers"} <= set(told["datasets"])
    assert not {"surveys", "survey_answers", "complaints", "calls", "parts_usage"} & set(told["datasets"])


def test_the_checks_are_those_of_the_columns_used(sample_snapshot: Snapshot) -> None:
    told = passports.passport(sample_snapshot, EVERYTHING, KPIS["order_volume"], Filter())
    checked = {(check["suite"], check["column_name"]) for check in told["checks"]}
    assert ("exports.orders", "ordered_at") in checked
    assert ("exports.orders", "order_id") in checked
    assert not any(suite.startswith("exports.") and column == "phone" for suite, column in checked)
    assert not any(suite == "exports.tickets" for suite, _ in checked)
    assert all(check["success"] in (True, False) for check in told["checks"])


def test_a_passport_for_some_regions_keeps_them(sample_snapshot: Snapshot) -> None:
    region = query.dimension_values(sample_snapshot, EVERYTHING, "region")[0]
    one = passports.passport(sample_snapshot, Scope(regions=(region,)), KPIS["ticket_volume"], Filter())
    everything = passports.passport(sample_snapshot, EVERYTHING, KPIS["ticket_volume"], Filter())
    assert one["question"]["regions"] == [region]
    assert 0 < one["values"][0]["value"] < everything["values"][0]["value"]
    assert passports.verify(sample_snapshot, kept(one)) == []


def test_what_a_night_reports_is_what_pages_show(sample_snapshot: Snapshot) -> None:
    """The scan that reports all KPIs at once, against the query of each, cell by cell."""
    window = Window.until(sample_snapshot.last_date)
    told = {
        tuple(row[:4]): tuple(row[4:])
        for row in query.meta(sample_snapshot, "reported")
        .select("kpi", "slice_dimension", "slice_value", "period", "value", "numerator", "denominator", "n", "state")
        .rows()
    }
    seen = 0
    for kpi in KPIS.values():
        for name in ("whole", *slices_of(kpi)):
            by = () if name == "whole" else (name,)
            last = window.last if name == "whole" else window.running
            wanted = Filter(window.first, min(window.last, last))
            for row in query.values(sample_snapshot, EVERYTHING, kpi, wanted, by, "month").to_dicts():
                is_full = not by or row["period"] < window.running
                if not row["n"] or row["state"] == "not_connected" or not is_full:
                    continue
                cell = (kpi.id, name, row[name] if by else "", row["period"])
                numbers = [close(row[column]) for column in ("value", "numerator", "denominator", "n")]
                assert list(told[cell][:4]) == numbers, cell
                assert told[cell][4] == row["state"], cell
                seen += 1
    assert seen == len(told)


def test_the_command_line_prints_a_passport_and_verifies_it(
    aftercare: Callable[..., Answer], home: Path, tmp_path: Path
) -> None:
    asked = aftercare("kpi", "ticket_volume", "--passport", "--by", "tier", "--home", home)
    assert asked.code == 0, asked.err
    file = tmp_path / "passport.json"
    file.write_text(asked.out, encoding="utf-8")
    same = aftercare("passport", file, "--home", home)
    assert (same.code, same.out.startswith("The same.")) == (0, True), same.out + same.err
    listed = aftercare("passport", file, "--rows", "numerator", "--home", home)
    assert len(listed.out.splitlines()) == asked.json["rows"]["numerator"]["count"] + 1
    told = asked.json
    told["result"][0]["n"] += 1
    file.write_text(json.dumps(told), encoding="utf-8")
    other = aftercare("passport", file, "--home", home)
    assert other.code == 1
    assert "the passport itself was changed" in other.out
    assert "a value differs: n" in other.out
    file.write_text("{}", encoding="utf-8")
    assert aftercare("passport", file, "--home", home).code == 2


def test_the_command_line_tells_what_was_reported(aftercare: Callable[..., Answer], home: Path) -> None:
    told = aftercare("kpi", "ticket_volume", "--restated", "--format", "json", "--home", home)
    assert told.code == 0, told.err
    assert {row["move"] for row in told.json} == {0.0}
    assert "Value then" in aftercare("kpi", "ticket_volume", "--restated", "--home", home).out
    sliced = aftercare("kpi", "ticket_volume", "--restated", "--where", "product=x", "--home", home)
    assert (sliced.code, "area, tier, channel" in sliced.err) == (2, True)
