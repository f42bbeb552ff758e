"""The read side on a sample night: any slice adds up, drills down, and hides what its reader may not see."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from random import Random

import polars as pl
import pytest

from dashboard.metrics import query
from dashboard.metrics.access import Scope
from dashboard.metrics.query import Filter, Snapshot
from ingestion.warehouse.kpis import Kpi, KpiQuestionInvalid, Query, load_kpis

pytestmark = pytest.mark.slow

EVERYTHING = Scope.everything()
KPIS = load_kpis()
BOTH_YEARS = Filter(date(2023, 7, 1), date(2025, 6, 30))
EACH_KPI = pytest.mark.parametrize("kpi", KPIS.values(), ids=lambda kpi: kpi.id)
EACH_KPI_OF_REGIONS = pytest.mark.parametrize(
    "kpi", [kpi for kpi in KPIS.values() if "region" in kpi.dimensions], ids=lambda kpi: kpi.id
)
TICKET_MART = "marts.mart_tickets_daily"
REVERSED = Filter(date(2025, 5, 1), date(2025, 4, 1))
SLICED = ("region", "area", "tier", "channel", "customer_type", "product_group", "is_vip")


@pytest.fixture(scope="session")
def slices(sample_snapshot: Snapshot) -> dict[str, list[str]]:
    """The values of each dimension, most frequent first."""
    found = sample_snapshot.run(
        Query("select dimension, value from marts.mart_dimensions order by dimension, unit_count desc, value", ())
    )
    return {name: found.filter(dimension=name)["value"].to_list() for name in SLICED}


def narrow(random: Random, slices: dict[str, list[str]]) -> Filter:
    """Some weeks, cut by up to three dimensions."""
    first = date(2023, 7, 1) + timedelta(days=random.randrange(600))
    names = random.sample(list(slices), random.randint(0, 3))
    where = {name: tuple(random.sample(slices[name], min(2, len(slices[name])))) for name in names}
    return Filter(first, first + timedelta(days=random.randrange(20, 120)), where)


def total(snapshot: Snapshot, kpi: Kpi, wanted: Filter, scope: Scope = EVERYTHING) -> dict[str, object]:
    return query.values(snapshot, scope, kpi, wanted).row(0, named=True)


# --- any slice ----------------------------------------------------------------------------------------------------


@EACH_KPI
def test_totals_equal_the_sums_over_any_partition(full_snapshot: Snapshot, kpi: Kpi) -> None:
    row = total(full_snapshot, kpi, BOTH_YEARS)
    whole = (pytest.approx(row["numerator"]), pytest.approx(row["denominator"] or 0), row["n"])
    # Every other dimension: which ones differs from KPI to KPI, so that each is looked at for half of them.
    asked = [((dimension,), "total") for dimension in kpi.dimensions[len(kpi.id) % 2 :: 2]]
    if kpi.over_time == "sum":
        asked += [((), period) for period in ("month", "quarter", "year")]
    for by, period in asked:
        parts = query.values(full_snapshot, EVERYTHING, kpi, BOTH_YEARS, by=by, period=period)
        assert (parts["numerator"].sum(), parts["denominator"].sum(), parts["n"].sum()) == whole, (by, period)
        assert all(parts[dimension].null_count() == 0 for dimension in by)


@EACH_KPI
def test_values_lie_where_they_must_and_inside_their_interval(sample_snapshot: Snapshot, kpi: Kpi) -> None:
    low, high = {"ratio": (0, 1), "points": (-100, 100), "score": (1, 5)}.get(kpi.unit, (0, float("inf")))
    if kpi.kind == "difference" or kpi.id == "csat_over_benchmark":
        low = -high
    by = ("area",) if "area" in kpi.dimensions else ()
    for row in query.values(sample_snapshot, EVERYTHING, kpi, Filter(), by=by, period="quarter").to_dicts():
        if row["value"] is None:
            assert row["state"] in ("empty", "not_reached", "not_connected")
            continue
        assert low <= row["value"] <= high
        assert row["lower"] is None or row["lower"] <= row["value"] + 1e-12
        assert row["upper"] is None or row["upper"] >= row["value"] - 1e-12


def test_the_last_day_stands_for_a_period_of_a_stock(sample_snapshot: Snapshot) -> None:
    days = query.values(sample_snapshot, EVERYTHING, KPIS["backlog"], BOTH_YEARS, period="day")
    months = query.values(sample_snapshot, EVERYTHING, KPIS["backlog"], BOTH_YEARS, period="month")
    by_day = dict(days.select("period", "numerator").rows())
    for month, count in months.select("period", "numerator").rows():
        after = (month + timedelta(days=31)).replace(day=1)
        assert count == by_day[after - timedelta(days=1)]


def test_churn_of_a_period_is_that_of_its_first_month(sample_snapshot: Snapshot) -> None:
    months = query.values(sample_snapshot, EVERYTHING, KPIS["churn_365d"], BOTH_YEARS, period="month")
    quarters = query.values(sample_snapshot, EVERYTHING, KPIS["churn_365d"], BOTH_YEARS, period="quarter")
    by_month = {row["period"]: row for row in months.to_dicts()}
    assert quarters.height == 8
    for row in quarters.to_dicts():
        assert row == by_month[row["period"]]


# --- the question -------------------------------------------------------------------------------------------------


def test_without_dates_the_last_twelve_full_months_are_shown(sample_snapshot: Snapshot) -> None:
    """as_of is the midnight that ends 2025-06-30 in Shanghai."""
    assert sample_snapshot.last_date == date(2025, 6, 30)
    found = query.values(sample_snapshot, EVERYTHING, KPIS["ticket_volume"], Filter(), period="month")
    assert found["period"].to_list()[::11] == [date(2024, 7, 1), date(2025, 6, 1)]
    assert found.height == 12
    assert found["numerator"].min() > 0
    for name, expected in (
        ("kpi", "ticket_volume"),
        ("as_of", sample_snapshot.as_of),
        ("run_id", sample_snapshot.run_id),
        ("definition_version", KPIS["ticket_volume"].version),
    ):
        assert found[name].unique().to_list() == [expected]


def test_values_of_one_dimension_are_or_and_dimensions_are_and(sample_snapshot: Snapshot) -> None:
    kpi = KPIS["ticket_volume"]
    counts = query.values(sample_snapshot, EVERYTHING, kpi, BOTH_YEARS, by=("tier", "channel"))
    part = counts.filter(pl.col("tier").is_in(["gold", "vip"]) & (pl.col("channel") == "phone"))
    wanted = Filter(BOTH_YEARS.date_from, BOTH_YEARS.date_to, {"tier": ("gold", "vip"), "channel": ("phone",)})
    assert total(sample_snapshot, kpi, wanted)["numerator"] == part["numerator"].sum() > 0


def test_both_ends_of_the_dates_belong_to_them(sample_snapshot: Snapshot) -> None:
    kpi = KPIS["ticket_volume"]
    days = query.values(sample_snapshot, EVERYTHING, kpi, Filter(date(2025, 3, 3), date(2025, 3, 5)), period="day")
    one = [
        total(sample_snapshot, kpi, Filter(date(2025, 3, day), date(2025, 3, day)))["numerator"] for day in (3, 4, 5)
    ]
    assert days["numerator"].to_list() == one
    assert total(sample_snapshot, kpi, Filter(date(2025, 3, 3), date(2025, 3, 5)))["numerator"] == sum(map(int, one))


@EACH_KPI_OF_REGIONS
def test_periods_without_units_are_there_and_empty(full_snapshot: Snapshot, kpi: Kpi) -> None:
    nowhere = Filter(date(2025, 1, 1), date(2025, 6, 30), {"region": ("nowhere",)})
    found = query.values(full_snapshot, EVERYTHING, kpi, nowhere, period="month")
    assert found["period"].to_list() == [date(2025, month, 1) for month in range(1, 7)]
    # A count of nothing is 0; a rate, a time or a mean of nothing is none.
    value, state = (0.0, "ok") if kpi.kind in ("count", "stock") else (None, "empty")
    assert found["state"].unique().to_list() == [state]
    assert found["n"].unique().to_list() == [0]
    assert found["value"].unique().to_list() == [value]
    assert query.values(full_snapshot, EVERYTHING, kpi, nowhere)["state"].to_list() == [state]
    assert query.rows(full_snapshot, EVERYTHING, kpi, nowhere).is_empty()


@pytest.mark.parametrize(
    ("kpi", "wanted", "by", "period", "code"),
    [
        ("csat", Filter(), ("mood",), "total", "unknown_dimension"),
        ("csat", Filter(where={"mood": ("good",)}), (), "total", "unknown_dimension"),
        ("csat", Filter(), ("tier; drop table x",), "total", "unknown_dimension"),
        ("csat", Filter(), ("tier", "tier"), "total", "dimension_twice"),
        ("csat", REVERSED, (), "total", "dates_reversed"),
        ("csat", Filter(), (), "fortnight", "unknown_period"),
        ("churn_365d", Filter(), ("product",), "total", "unknown_dimension"),
        ("churn_365d", Filter(where={"channel": ("phone",)}), (), "total", "unknown_dimension"),
        ("churn_365d", Filter(), (), "week", "period_too_short"),
        ("churn_365d", Filter(), (), "day", "period_too_short"),
    ],
)
def test_what_cannot_be_answered_is_refused(
    sample_snapshot: Snapshot, kpi: str, wanted: Filter, by: tuple[str, ...], period: str, code: str
) -> None:
    with pytest.raises(KpiQuestionInvalid) as refused:
        query.values(sample_snapshot, EVERYTHING, KPIS[kpi], wanted, by, period)
    assert refused.value.code == code


def test_only_kaplan_meier_kpis_have_a_curve_and_only_known_parts_and_tables_are_listed(
    sample_snapshot: Snapshot,
) -> None:
    for code, ask in (
        ("no_curve", lambda: query.curve(sample_snapshot, EVERYTHING, KPIS["csat"], Filter())),
        ("unknown_part", lambda: query.rows(sample_snapshot, EVERYTHING, KPIS["csat"], Filter(), "both")),
        ("unknown_table", lambda: query.sums(sample_snapshot, EVERYTHING, "meta.loads", Filter())),
        ("unknown_table", lambda: query.sums(sample_snapshot, EVERYTHING, "marts.mart_dimensions", Filter())),
        ("unknown_column", lambda: query.sums(sample_snapshot, EVERYTHING, TICKET_MART, Filter(), by=("mood",))),
        (
            "unknown_column",
            lambda: query.sums(sample_snapshot, EVERYTHING, TICKET_MART, Filter(where={"team": ("a",)})),
        ),
        ("dates_reversed", lambda: query.sums(sample_snapshot, EVERYTHING, TICKET_MART, REVERSED)),
        ("unknown_period", lambda: query.sums(sample_snapshot, EVERYTHING, TICKET_MART, Filter(), period="era")),
        ("unknown_table", lambda: query.meta(sample_snapshot, "people")),
    ):
        with pytest.raises(KpiQuestionInvalid) as refused:
            ask()
        assert refused.value.code == code


def test_sums_of_a_mart_by_slice_and_month_equal_the_facts(sample_snapshot: Snapshot) -> None:
    wanted = Filter(date(2025, 1, 10), date(2025, 5, 9), {"channel": ("phone", "chat")})
    found = query.sums(sample_snapshot, EVERYTHING, TICKET_MART, wanted, by=("tier",), period="month")
    expected = sample_snapshot.run(
        Query(
            """
            select cast(date_trunc('month', created_date) as date) as period, tier,
                count(*) filter (where is_counted) as ticket_count,
                count(*) filter (where response_state = 'met') as response_met_count
            from core.fct_tickets
            where created_date between '2025-01-10' and '2025-05-09' and channel in ('phone', 'chat')
            group by 1, 2 order by 1, 2
            """,
            (),
        )
    )
    assert found.select(expected.columns).rows() == expected.rows()
    assert found["ticket_count"].sum() > 100


def test_a_value_that_was_typed_is_never_sql(sample_snapshot: Snapshot) -> None:
    odd = Filter(where={"region": ("' or true --", "广东'")})
    assert total(sample_snapshot, KPIS["csat"], odd)["state"] == "empty"
    assert total(sample_snapshot, KPIS["ticket_volume"], odd)["value"] == 0


def test_a_curve_ends_in_the_value_of_its_kpi(sample_snapshot: Snapshot) -> None:
    kpi = KPIS["resolution_time"]
    curve = query.curve(sample_snapshot, EVERYTHING, kpi, Filter())
    row = total(sample_snapshot, kpi, Filter())
    assert curve["at_risk"][0] == row["n"]
    assert curve["events"].sum() == row["numerator"]
    assert curve.filter(pl.col("survival") <= 0.5 + 1e-9)["duration"][0] == row["value"]
    assert curve["survival"].is_sorted(descending=True)


def test_what_no_source_brings_is_not_connected_and_never_zero(make_snapshot: Callable[..., Snapshot]) -> None:
    tickets = (
        "source | ticket_id | channel | status | created_at       | resolved_at\n"
        "sample | 1         | phone   | solved | 2025-03-03 02:00 | 2025-03-03 03:00"
    )
    snapshot = make_snapshot({"raw.tickets": tickets})
    for kpi in KPIS.values():
        for row in query.values(snapshot, EVERYTHING, kpi, Filter(), period="quarter").to_dicts():
            if set(kpi.datasets) <= {"tickets"}:
                assert row["state"] != "not_connected"
            else:
                assert (row["state"], row["value"], row["numerator"]) == ("not_connected", None, None), kpi.id


# --- who may see what ---------------------------------------------------------------------------------------------

TWO = Scope(regions=("广东", "浙江"))


@EACH_KPI_OF_REGIONS
def test_a_reader_of_two_regions_sees_these_and_nothing_else(full_snapshot: Snapshot, kpi: Kpi) -> None:
    asked = Filter(BOTH_YEARS.date_from, BOTH_YEARS.date_to, {"region": ("广东", "浙江")})
    everyone = query.values(full_snapshot, EVERYTHING, kpi, asked, by=("region",))
    seen = query.values(full_snapshot, TWO, kpi, BOTH_YEARS, by=("region",))
    assert seen.rows() == everyone.rows()
    assert total(full_snapshot, kpi, BOTH_YEARS, TWO) == total(full_snapshot, kpi, asked)
    assert set(query.rows(full_snapshot, TWO, kpi, BOTH_YEARS)["region"]) <= {"广东", "浙江"}
    elsewhere = Filter(BOTH_YEARS.date_from, BOTH_YEARS.date_to, {"region": ("北京",)})
    assert total(full_snapshot, kpi, elsewhere, TWO)["n"] == 0
    assert query.rows(full_snapshot, TWO, kpi, elsewhere).is_empty()
    nobody = Scope(regions=())
    assert total(full_snapshot, kpi, BOTH_YEARS, nobody)["n"] == 0
    assert query.rows(full_snapshot, nobody, kpi, BOTH_YEARS).is_empty()
    if kpi.kind.startswith("km_"):
        assert query.curve(full_snapshot, TWO, kpi, BOTH_YEARS).equals(
            query.curve(full_snapshot, EVERYTHING, kpi, asked)
        )


@pytest.mark.parametrize(
    "kpi", [kpi for kpi in KPIS.values() if "region" not in kpi.dimensions], ids=lambda kpi: kpi.id
)
def test_what_belongs_to_no_region_is_not_shown_to_a_reader_of_regions(full_snapshot: Snapshot, kpi: Kpi) -> None:
    assert total(full_snapshot, kpi, BOTH_YEARS, TWO)["n"] == 0
    assert query.rows(full_snapshot, TWO, kpi, BOTH_YEARS).is_empty()


def test_sums_and_slices_keep_to_the_readers_regions(sample_snapshot: Snapshot) -> None:
    for name in sample_snapshot.columns:
        columns = sample_snapshot.columns[name]
        if name.startswith("marts.") and "date" in columns:
            shown = query.sums(sample_snapshot, TWO, name, BOTH_YEARS, by=("region",))
            every = query.sums(sample_snapshot, EVERYTHING, name, BOTH_YEARS, by=("region",))
            assert shown.equals(every.filter(pl.col("region").is_in(["广东", "浙江"]))), name
            nobody = query.sums(sample_snapshot, Scope(regions=()), name, BOTH_YEARS)
            assert not any(nobody.row(0)), name
    assert set(query.dimension_values(sample_snapshot, TWO, "region")) == {"广东", "浙江"}
    assert query.dimension_values(sample_snapshot, Scope(regions=()), "region") == []


# --- many readers at once -----------------------------------------------------------------------------------------


def test_eight_threads_get_what_one_gets(sample_snapshot: Snapshot, slices: dict[str, list[str]]) -> None:
    random = Random(8)
    questions = [
        (KPIS[kpi], narrow(random, slices), by, period)
        for kpi in ("sla_response_met", "first_response_time", "csat", "ticket_volume", "complaint_within_24h", "nps")
        for by, period in (((), "total"), (("tier",), "month"), ((), "week"))
    ]
    alone = [query.values(sample_snapshot, EVERYTHING, *question) for question in questions]

    def differing(seed: int) -> int:
        order = Random(seed)
        picked = (order.randrange(len(questions)) for _ in range(60))
        return sum(not query.values(sample_snapshot, EVERYTHING, *questions[n]).equals(alone[n]) for n in picked)

    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(differing, range(8))) == [0] * 8


def test_nothing_is_known_before_a_kpis_first_unit(sample_snapshot: Snapshot) -> None:
    first = query.first_date(sample_snapshot, EVERYTHING, KPIS["ticket_volume"])
    assert first is not None
    before = Filter(first - timedelta(days=90), first - timedelta(days=1))
    assert total(sample_snapshot, KPIS["ticket_volume"], before)["value"] == 0
    assert total(sample_snapshot, KPIS["ticket_volume"], Filter(first, first))["value"]


@pytest.mark.parametrize(
    ("kpi", "day"),
    [("backlog", date(2025, 3, 20)), ("churn_365d", date(2025, 2, 1)), ("csat", None)],
)
def test_a_stock_and_a_cohort_name_their_day(sample_snapshot: Snapshot, kpi: str, day: date | None) -> None:
    wanted = Filter(date(2025, 1, 15), date(2025, 3, 20))
    assert query.counted_on(sample_snapshot, KPIS[kpi], wanted) == day


def test_the_first_day_is_that_of_the_regions_a_reader_may_see(sample_snapshot: Snapshot) -> None:
    kpi = KPIS["ticket_volume"]
    (region,) = sample_snapshot.run(
        Query("select region from core.fct_tickets group by region order by min(created_date) desc limit 1", ())
    ).row(0)
    some = query.first_date(sample_snapshot, Scope(regions=(region,)), kpi)
    expected = sample_snapshot.run(
        Query("select min(created_date) from core.fct_tickets where region = ?", (region,))
    ).item()
    assert some == expected
    assert query.first_date(sample_snapshot, Scope(regions=()), kpi) is None
