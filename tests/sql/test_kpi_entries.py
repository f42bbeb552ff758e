"""The entries of sql/kpis: what is refused, and that every name in them exists where they say."""

import re
import shutil
from dataclasses import replace
from datetime import date
from pathlib import Path
from random import Random

import duckdb
import polars as pl
import pytest

from dashboard.metrics import query
from dashboard.metrics.access import Scope
from ingestion.warehouse import models
from ingestion.warehouse.entries import DIMENSIONS, KpiEntryInvalid
from ingestion.warehouse.errors import ModelInvalid
from ingestion.warehouse.kpis import Filter, Kpi, load_kpi, load_kpis, named_columns
from ingestion.warehouse.views import load_view, load_views

ENTRY = """
[answered]
label = { zh = "已答复", en = "Answered" }
meaning = { zh = "甲", en = "a" }
formula = { zh = "乙", en = "b" }
differs = { zh = "丙", en = "c" }
kind = "ratio"
unit = "ratio"
better = "higher"
layer = "efficiency"
page = "response"
rows = "core.fct_tickets"
time = "created_date"
denominator = "is_counted"
numerator = "is_responded"
datasets = ["tickets"]
owner = "service"
document = "000"
quote = "test"
"""


def load(folder: Path, **files: str) -> None:
    for name, text in files.items():
        (folder / f"{name}.toml").write_text(text, encoding="utf-8")
    load_kpis(folder)


def test_a_whole_entry_is_taken(tmp_path: Path) -> None:
    load(tmp_path, one=ENTRY)
    (kpi,) = load_kpis(tmp_path).values()
    assert (kpi.id, kpi.label["zh"], kpi.dimensions, kpi.minimum_n) == ("answered", "已答复", DIMENSIONS, 30)


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        ('kind = "ratio"', 'kind = "average"', "average"),
        ('unit = "ratio"', 'unit = "minutes"', "minutes"),
        ('better = "higher"', 'better = "more"', "more"),
        ('zh = "已答复", ', "", "label"),
        (', en = "b" }', " }", "formula"),
        ('owner = "service"\n', "", "owner"),
        ('quote = "test"', 'quote = "test"\ncolour = "red"', "colour"),
        ('page = "response"', 'page = "canteen"', "canteen"),
        ('layer = "efficiency"', 'layer = "money"', "money"),
        ('kind = "ratio"', 'kind = "difference"\nmeasure = "share"', "group"),
        ('kind = "ratio"', 'kind = "difference"\ngroup = "is_vip"\nmeasure = "median"', "duration"),
        ('quote = "test"', 'quote = "test"\nguardrail = "happiness"', "happiness"),
        ('quote = "test"', 'quote = "test"\nmart = { table = "marts.m" }', "table"),
        ('kind = "ratio"', 'kind = "km_time"', "duration"),
        ('kind = "ratio"', 'kind = "km_time"\nduration = "s"\nevent = "e"', "quantile"),
        ('kind = "ratio"', 'kind = "km_share"\nduration = "s"\nevent = "e"', "horizon"),
        ("[answered]", "stray = 1\n[answered]", "stray"),
        ("[answered]", "[answered", "one.toml"),
    ],
)
def test_what_is_wrong_with_an_entry_is_refused_and_named(tmp_path: Path, old: str, new: str, named: str) -> None:
    assert old in ENTRY
    with pytest.raises(KpiEntryInvalid, match=re.escape(named)):
        load(tmp_path, one=ENTRY.replace(old, new, 1))


def test_an_id_stands_once_in_one_file_and_over_all_files(tmp_path: Path) -> None:
    with pytest.raises(KpiEntryInvalid, match=r"two\.toml \[answered\]: the id is defined twice"):
        load(tmp_path, one=ENTRY, two=ENTRY)
    (tmp_path / "one.toml").unlink()
    load_kpis.cache_clear()
    with pytest.raises(KpiEntryInvalid, match=r"two\.toml"):
        load(tmp_path, two=ENTRY + ENTRY)


# --- what the entries name ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("kpi", load_kpis().values(), ids=lambda kpi: kpi.id)
def test_every_column_an_entry_names_exists(golden: query.Snapshot, kpi: Kpi) -> None:
    assert named_columns(kpi) - set(golden.columns[kpi.rows]) == set()
    if kpi.mart:
        columns = {kpi.mart.numerator, kpi.mart.denominator, kpi.mart.pending, "date", *DIMENSIONS} - {None}
        assert columns - set(golden.columns[kpi.mart.model]) == set()


def test_every_model_carries_the_shared_dimensions(golden: query.Snapshot) -> None:
    for mart in (name for name in golden.columns if name.startswith("marts.") and "dimensions" not in name):
        assert set(DIMENSIONS) - set(golden.columns[mart]) == set(), mart


SLICES = {
    "region": ["广东", "北京", "四川", "上海", "unknown"],
    "tier": ["vip", "silver", "standard", "unknown"],
    "channel": ["phone", "email", "chat", "app", "unknown"],
    "is_vip": ["true", "false"],
}


def test_every_speed_has_a_guardrail_that_is_no_speed() -> None:
    """Whatever runs on a clock can be met at the customer's cost. Advantages are gaps, not speeds."""
    kpis = load_kpis()
    speeds = [kpi for kpi in kpis.values() if kpi.clock and kpi.layer == "efficiency" and kpi.kind != "difference"]
    assert [kpi.id for kpi in speeds if kpi.guardrail is None] == []
    partners = {kpi.guardrail for kpi in speeds if kpi.guardrail}
    assert [partner for partner in partners if kpis[partner].clock] == []


def random_question(random: Random) -> tuple[Filter, tuple[str, ...], str]:
    chosen = random.sample(sorted(SLICES), random.randint(0, 2))
    where = {name: tuple(random.sample(SLICES[name], random.randint(1, 2))) for name in chosen}
    first, last = date(2025, random.randint(8, 10), random.randint(1, 28)), date(2025, 12, random.randint(1, 10))
    period = random.choice(("total", "day", "week", "month", "quarter"))
    return Filter(first, last, where), tuple(random.sample(sorted(SLICES), random.randint(0, 2))), period


@pytest.mark.parametrize("kpi", [kpi for kpi in load_kpis().values() if kpi.mart], ids=lambda kpi: kpi.id)
def test_the_mart_says_what_the_facts_say(golden: query.Snapshot, kpi: Kpi) -> None:
    random, seen = Random(kpi.id), 0
    from_facts = replace(kpi, mart=None)
    whole = Filter(date(2025, 8, 1), date(2025, 12, 10))
    for wanted, by, period in (
        (whole, (), "total"),
        (whole, ("tier",), "day"),
        *(random_question(random) for _ in range(10)),
    ):
        found, expected = (
            query.values(golden, Scope.everything(), entry, wanted, by, period) for entry in (kpi, from_facts)
        )
        # A day that a mart counts nothing on has no row there and one without units in the facts: both read empty.
        shown = [frame.filter(pl.col("n") > 0) for frame in (found, expected)]
        assert shown[0].rows() == shown[1].rows(), (wanted, by, period)
        seen += shown[0].height
    assert seen > 0


def test_a_night_refuses_an_entry_that_names_no_column(
    golden: query.Snapshot, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    # The session's readers hold the file itself open, with settings of their own.
    file = shutil.copy(golden.file, tmp_path / "copy.duckdb")
    kpi = load_kpis()["csat"]
    monkeypatch.setattr(
        models, "load_kpis", lambda folder: {"csat": replace(kpi, numerator="is_happy and score > 3")}
    )
    with duckdb.connect(str(file), read_only=True) as con:
        with pytest.raises(ModelInvalid, match="is_happy"):
            models.verify_entries(con)
        monkeypatch.setattr(models, "load_kpis", lambda folder: {"csat": kpi})
        models.verify_entries(con)


def test_one_entry_alone_is_the_one_among_all() -> None:
    for kpi_id, kpi in load_kpis().items():
        assert load_kpi(kpi_id) == kpi
    for view_id, view in load_views().items():
        assert load_view(view_id) == view
    assert load_kpi("no_such_kpi") is None
    assert load_view("ticket_volume") is None
