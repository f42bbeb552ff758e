"""Why a KPI changed: every split by hand or against a plain sum in numpy, and always adding up."""

from collections.abc import Callable, Sequence
from datetime import date, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any

import duckdb
import numpy as np
import polars as pl
import pytest

from dashboard.metrics import query
from dashboard.metrics.access import Scope
from dashboard.metrics.change import explain
from dashboard.metrics.query import Snapshot
from ingestion.warehouse.kpis import Filter, Kpi, KpiQuestionInvalid, load_kpis

EVERYTHING = Scope.everything()
BEFORE = Filter(date(2025, 1, 1), date(2025, 1, 31))
NOW = Filter(date(2025, 2, 1), date(2025, 2, 28))
EXACT = pytest.approx
WORDS = MappingProxyType({"zh": "一", "en": "one"})

Explain = Callable[..., pl.DataFrame]


def kpi(kind: str = "ratio", **fields: Any) -> Kpi:
    """A KPI over the fact of this test: x of each unit, y what it weighs."""
    entry = {
        "numerator": "x",
        "denominator": "true",
        "unit": "ratio",
        "better": "higher",
        "datasets": ("made",),
        "not_by": (),
        **fields,
    }
    texts = {"label": WORDS, "meaning": WORDS, "formula": WORDS, "differs": WORDS}
    return Kpi(
        id="made", kind=kind, rows="core.fct_made", time="day", page="overview", owner="o", layer="quality",
        document="ours", quote="made",
        dimensions=("tier", "channel", "region"), **texts, **entry,
    )  # fmt: skip


@pytest.fixture
def explained(tmp_path: Path) -> Explain:
    """explained(kpi, rows, by): rows are (is_now, tier, channel, x, y), one a unit."""

    def run(
        asked: Kpi, rows: Sequence[tuple[Any, ...]], by: Sequence[str], scope: Scope = EVERYTHING
    ) -> pl.DataFrame:
        file = tmp_path / f"{len(list(tmp_path.iterdir()))}.duckdb"
        columns = list(zip(*rows, strict=True))
        with duckdb.connect(str(file)) as con:
            con.execute("create schema core")
            con.execute("create schema meta")
            con.execute("create table meta.run as select 'R1' as run_id, 'Asia/Shanghai' as business_timezone")
            con.execute("create table meta.datasets as select 'made' as dataset, 's' as source, 1 as row_count")
            con.execute(
                """create table core.fct_made as
                select case when is_now then date '2025-02-03' else date '2025-01-03' end as day, tier, channel, x, y,
                    tier as region
                from (select unnest(?::bool[]) as is_now, unnest(?::varchar[]) as tier,
                    unnest(?::varchar[]) as channel, unnest(?::double[]) as x, unnest(?::double[]) as y)""",
                columns,
            )
        snapshot = Snapshot("R1", datetime(2025, 3, 1), datetime(2025, 3, 1), file)
        return explain(snapshot, scope, asked, NOW, BEFORE, by)

    return run


def units(is_now: bool, tier: str, good: int, all_: int, channel: str = "phone") -> list[tuple[Any, ...]]:
    return [(is_now, tier, channel, float(n < good), 1.0) for n in range(all_)]


# --- by hand -------------------------------------------------------------------------------------------------------

# Both tiers get better: gold 90 -> 94 of 100 %, silver 60 -> 64 %. But gold falls from 70 to 27 % of the units:
# R0 = 0.7 * 0.90 + 0.3 * 0.60 = 0.81, R1 = 0.27 * 0.94 + 0.73 * 0.64 = 0.721, the total falls by 8.9 points.
# rate: each segment rose by 0.04, so 0.04 * (weights, which add up to 1) = +0.040
# mix: (0.27 - 0.70) * (0.92 - 0.7655) + (0.73 - 0.30) * (0.62 - 0.7655) = -0.066435 - 0.062565 = -0.129
SIMPSON = [
    *units(False, "gold", 630, 700),
    *units(False, "silver", 180, 300),
    *units(True, "gold", 2538, 2700),
    *units(True, "silver", 4672, 7300),
]


def test_both_tiers_rise_and_the_total_falls(explained: Explain) -> None:
    found = explained(kpi(), SIMPSON, ["tier"])
    total, gold, silver = found.to_dicts()
    assert [row["level"] for row in (total, gold, silver)] == ["total", "tier", "tier"]
    assert (total["total"], total["rate_effect"], total["mix"]) == EXACT((-0.089, 0.04, -0.129), abs=1e-12)
    assert (total["n_before"], total["n_now"]) == (1000, 10000)
    assert (total["rate_before"], total["rate_now"]) == EXACT((0.81, 0.721))
    assert (gold["tier"], silver["tier"]) == ("gold", "silver")
    assert (gold["weight_before"], gold["weight_now"], gold["rate_before"], gold["rate_now"]) == EXACT(
        (0.70, 0.27, 0.90, 0.94)
    )
    # gold: 1/2 (0.70 + 0.27) 0.04 = 0.0194; silver: 1/2 (0.30 + 0.73) 0.04 = 0.0206
    assert (gold["mix"], gold["rate_effect"]) == EXACT((-0.066435, 0.0194))
    assert (silver["mix"], silver["rate_effect"]) == EXACT((-0.062565, 0.0206))


def test_the_interval_is_newcombes_and_judged_among_all_segments(explained: Explain) -> None:
    """Gold 630/700 -> 2538/2700 and silver 180/300 -> 4672/7300; statsmodels' confint_proportions_2indep."""
    found = explained(kpi(), SIMPSON, ["tier"]).rows(named=True)
    from statsmodels.stats.proportion import confint_proportions_2indep

    by_tier = {row["tier"]: row for row in found}
    for tier, counts in {"gold": (2538, 2700, 630, 700), "silver": (4672, 7300, 180, 300)}.items():
        expected = confint_proportions_2indep(*counts, method="newcomb", compare="diff")
        assert (by_tier[tier]["lower"], by_tier[tier]["upper"]) == EXACT(expected, abs=1e-12)
    assert by_tier["gold"]["is_significant"]
    assert not by_tier["silver"]["is_significant"]
    # Two tests: the smaller p-value doubles, the larger stays.
    assert by_tier["gold"]["p_adjusted"] == EXACT(2 * by_tier["gold"]["p_value"])
    assert by_tier["silver"]["p_adjusted"] == EXACT(by_tier["silver"]["p_value"])


def test_a_segment_that_appears_changes_the_mix_alone(explained: Explain) -> None:
    """Before: gold 8/10. Now: gold 8/10 and bronze 2/10. R: 0.8 -> 0.5.

    bronze takes 0.2 for before: mix (0.5 - 0)(0.2 - 0.65) = -0.225; gold (0.5 - 1)(0.8 - 0.65) = -0.075.
    """
    rows = [*units(False, "gold", 8, 10), *units(True, "gold", 8, 10), *units(True, "bronze", 2, 10)]
    total, bronze, gold = explained(kpi(), rows, ["tier"]).to_dicts()
    assert (total["total"], total["mix"], total["rate_effect"]) == EXACT((-0.3, -0.3, 0.0), abs=1e-12)
    assert (bronze["tier"], bronze["mix"], bronze["rate_effect"]) == ("bronze", EXACT(-0.225), 0.0)
    assert (bronze["rate_before"], bronze["n_before"], bronze["lower"]) == (None, 0, None)
    assert (gold["mix"], gold["rate_effect"]) == EXACT((-0.075, 0.0))


def test_a_second_dimension_splits_each_segments_own_change(explained: Explain) -> None:
    """All gold. phone 9/10 -> 19/20, chat 2/10 -> 0: phone grows from half to all of it.

    R: 11/20 -> 19/20 = +0.4, all of it gold's own: its weight is 1 on both sides.
    Within gold, chat keeps 0.2 and phone goes from 0.9 to 0.95, middle (0.55 + 0.95) / 2 = 0.75:
    phone: rate (0.5 + 1) / 2 * 0.05 = 0.0375, mix (1 - 0.5)(0.925 - 0.75) = 0.0875
    chat: rate 0, mix (0 - 0.5)(0.2 - 0.75) = 0.275
    """
    rows = [
        *units(False, "gold", 9, 10, "phone"),
        *units(False, "gold", 2, 10, "chat"),
        *units(True, "gold", 19, 20, "phone"),
    ]
    found = explained(kpi(), rows, ["tier", "channel"]).to_dicts()
    told = [(row["level"], row["tier"], row["channel"]) for row in found]
    assert told == [
        ("total", None, None), ("tier", "gold", None), ("channel", "gold", "chat"), ("channel", "gold", "phone"),
    ]  # fmt: skip
    total, gold, chat, phone = found
    assert (total["total"], total["mix"], total["rate_effect"]) == EXACT((0.4, 0.0, 0.4), abs=1e-12)
    assert gold["rate_effect"] == EXACT(0.4)
    assert (chat["mix"], chat["rate_effect"], chat["total"]) == EXACT((0.275, 0.0, 0.275))
    assert (phone["mix"], phone["rate_effect"]) == EXACT((0.0875, 0.0375))
    # The other way round the mix of channels comes first, and is told as such.
    total, *_ = explained(kpi(), rows, ["channel", "tier"]).to_dicts()
    assert (total["mix"], total["rate_effect"]) == EXACT((0.3625, 0.0375))


def test_within_a_segment_that_appears_nothing_has_changed(explained: Explain) -> None:
    """bronze comes with two channels of 2/5 and 0/5: all its effect is that it is there."""
    rows = [*units(False, "gold", 8, 10), *units(True, "gold", 8, 10)]
    rows += [*units(True, "bronze", 2, 5, "phone"), *units(True, "bronze", 0, 5, "chat")]
    found = explained(kpi(), rows, ["tier", "channel"]).filter(level="channel", tier="bronze")
    assert found.select("mix", "rate_effect").rows() == [(0.0, 0.0), (0.0, 0.0)]
    assert found["weight_before"].to_list() == [0.5, 0.5]


def test_counts_are_split_by_contribution(explained: Explain) -> None:
    """gold 10 -> 30, silver 20 -> 15: 30 -> 45. gold +20 with exact Poisson ends, as in scipy."""
    from scipy import stats

    rows = [
        *units(False, "gold", 10, 10), *units(False, "silver", 20, 20),
        *units(True, "gold", 30, 30), *units(True, "silver", 15, 15),
    ]  # fmt: skip
    total, gold, silver = explained(kpi("count", unit="count"), rows, ["tier"]).to_dicts()
    assert [row["total"] for row in (total, gold, silver)] == [15, 20, -5]
    assert [row["mix"] for row in (total, gold, silver)] == [None, None, None]

    def ends(count: int) -> tuple[float, float]:
        return stats.gamma.ppf(0.025, count), stats.gamma.isf(0.025, count + 1)

    (l1, u1), (l0, u0) = ends(30), ends(10)
    expected = (20 - np.hypot(30 - l1, u0 - 10), 20 + np.hypot(u1 - 30, 10 - l0))
    assert (gold["lower"], gold["upper"]) == EXACT(expected, abs=1e-9)
    assert gold["is_significant"]
    assert not silver["is_significant"]


def test_a_kaplan_meier_share_states_its_residual(explained: Explain) -> None:
    """Share within 2 days, x the days and y = 1 where done. Before: gold all 4 on day 1; silver none of 4 by day 3,
    one of them lost sight of on day 1.  Now: all 8 on day 1.

    Total before: at day 1 4 of 8 done: S = 1/2, share 0.5. gold 1.0, silver 0.0, weights 1/2 each: 0.5, no residual.
    """
    share = kpi("km_share", duration="x", event="y = 1", horizon=2)
    before = [(False, "gold", "phone", 1.0, 1.0)] * 4 + [(False, "silver", "phone", 3.0, 1.0)] * 3
    lost = [(False, "silver", "phone", 1.0, 0.0)]
    now = [(True, tier, "phone", 1.0, 1.0) for tier in ("gold", "silver") for _ in range(4)]
    found = explained(share, [*before, *lost, *now], ["tier"])
    assert "residual" not in found["level"].to_list()
    # Lost sight of on day 1/2 instead: at day 1 only 7 are at risk, share 4/7; the parts still make 1/2. Total +3/7,
    # parts +1/2: silver's own 1/2 * 1.0, gold's 0.
    lost = [(False, "silver", "phone", 0.5, 0.0)]
    found = explained(share, [*before, *lost, *now], ["tier"]).to_dicts()
    total, silver, gold, residual = found
    assert (total["total"], silver["rate_effect"], gold["total"]) == EXACT((3 / 7, 0.5, 0.0), abs=1e-12)
    assert (residual["level"], residual["total"]) == ("residual", EXACT(3 / 7 - 1 / 2))


def test_a_reader_of_one_region_sees_that_region_explained(explained: Explain) -> None:
    found = explained(kpi(), SIMPSON, ["tier"], Scope(regions=("gold",)))
    assert found["tier"].to_list() == [None, "gold"]
    assert found["total"][0] == EXACT(0.04)


def test_a_median_is_not_explained_by_weights(explained: Explain) -> None:
    median = kpi("km_time", quantile=0.5, duration="x", event="y = 1")
    with pytest.raises(KpiQuestionInvalid, match="not_explained"):
        explained(median, SIMPSON[:3], ["tier"])
    for by in ([], ["tier", "channel", "region"]):
        with pytest.raises(KpiQuestionInvalid, match="one_or_two_dimensions"):
            explained(kpi(), SIMPSON[:3], by)


# --- whatever the rows ---------------------------------------------------------------------------------------------


def drawn(seed: int) -> list[tuple[Any, ...]]:
    """Up to 4 tiers and 4 channels of any sizes; some are there on one side only."""
    random = np.random.default_rng(seed)
    rows = []
    for is_now in (False, True):
        for tier in random.permutation(list("abcd"))[: random.integers(1, 5)]:
            for channel in random.permutation(list("wxyz"))[: random.integers(1, 5)]:
                count = random.integers(1, 30)
                figures = zip(
                    random.integers(-1, 2, count).tolist(), random.integers(1, 9, count).tolist(), strict=True
                )
                rows.extend((is_now, tier, channel, float(x), float(y)) for x, y in figures)
    return rows


KINDS = {
    "ratio": kpi(numerator="x = 1"),
    "mean": kpi("mean", unit="number"),
    "nps": kpi("nps", unit="points"),
    "rate": kpi("rate", unit="number", numerator="abs(x)", denominator="y", per=1000),
}


def expected_total(kind: str, rows: pl.DataFrame) -> float:
    match kind:
        case "ratio":
            return float((rows["x"] == 1).mean())
        case "rate":
            return float(1000 * rows["x"].abs().sum() / rows["y"].sum())
        case _:
            return float(rows["x"].mean()) * (100 if kind == "nps" else 1)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", range(4))
def test_mix_and_rate_add_up_whatever_the_rows(explained: Explain, kind: str, seed: int) -> None:
    rows = drawn(seed)
    found = explained(KINDS[kind], rows, ["tier", "channel"])
    table = pl.DataFrame(rows, schema=["is_now", "tier", "channel", "x", "y"], orient="row")
    change = expected_total(kind, table.filter("is_now")) - expected_total(kind, table.filter(~pl.col("is_now")))
    total = found.filter(level="total").row(0, named=True)
    assert total["total"] == EXACT(change, abs=1e-9)
    assert total["mix"] + total["rate_effect"] == EXACT(change, abs=1e-9)
    assert "residual" not in found["level"].to_list()
    tiers, channels = found.filter(level="tier"), found.filter(level="channel")
    assert tiers["total"].sum() == EXACT(change, abs=1e-9)
    assert (tiers["mix"] + tiers["rate_effect"] - tiers["total"]).abs().max() < 1e-9
    for tier in tiers.to_dicts():
        assert channels.filter(tier=tier["tier"])["total"].sum() == EXACT(tier["rate_effect"], abs=1e-9)


def test_the_split_is_that_of_its_formula(explained: Explain) -> None:
    rows = drawn(99)
    table = pl.DataFrame(rows, schema=["is_now", "tier", "channel", "x", "y"], orient="row")
    side = {
        now: table.filter(pl.col("is_now") == now).group_by("tier").agg(pl.len().alias("n"), pl.col("x").mean())
        for now in (False, True)
    }
    r = {now: dict(zip(part["tier"], part["x"], strict=True)) for now, part in side.items()}
    w = {now: dict(zip(part["tier"], part["n"] / part["n"].sum(), strict=True)) for now, part in side.items()}
    middle = sum(sum(w[now][name] * r[now][name] for name in r[now]) for now in (False, True)) / 2
    for row in explained(KINDS["mean"], rows, ["tier"]).filter(level="tier").to_dicts():
        name = row["tier"]
        r0, r1 = r[False].get(name, r[True].get(name)), r[True].get(name, r[False].get(name))
        w0, w1 = w[False].get(name, 0), w[True].get(name, 0)
        assert row["mix"] == EXACT((w1 - w0) * ((r0 + r1) / 2 - middle), abs=1e-12)
        assert row["rate_effect"] == EXACT((w0 + w1) / 2 * (r1 - r0), abs=1e-12)


# One KPI of each sort: its kind, whether it reads a mart, and how it is taken over time.
SORTS = {(one.kind, one.mart is not None, one.over_time): one for one in load_kpis().values() if one.dimensions}


@pytest.mark.slow
@pytest.mark.parametrize("asked", SORTS.values(), ids=lambda one: one.id)
def test_every_sort_of_kpi_is_explained_or_refused(sample_snapshot: Snapshot, asked: Kpi) -> None:
    """From marts too: the total is the difference of the two values, and the segments with the residual make it."""
    now, before = Filter(date(2025, 1, 1), date(2025, 6, 30)), Filter(date(2024, 1, 1), date(2024, 6, 30))
    by = [name for name in ("tier", "region") if name in asked.dimensions][:2] or [asked.dimensions[0]]
    if asked.kind in ("km_time", "difference"):
        with pytest.raises(KpiQuestionInvalid, match="not_explained"):
            explain(sample_snapshot, EVERYTHING, asked, now, before, by)
        return
    found = explain(sample_snapshot, EVERYTHING, asked, now, before, by)
    one, other = (query.values(sample_snapshot, EVERYTHING, asked, part).row(0, named=True) for part in (now, before))
    if one["state"] == "not_connected":
        assert found.is_empty()
        return
    if one["value"] is None or other["value"] is None:
        return
    change = one["value"] - other["value"]
    assert found["total"][0] == EXACT(change, abs=1e-9)
    first = found.filter((pl.col("level") == by[0]) | (pl.col("level") == "residual"))
    parts = first if len(by) == 1 else first.filter((pl.col("level") == by[0]) | pl.col(by[0]).is_null())
    assert parts["total"].sum() == EXACT(change, abs=1e-9)
