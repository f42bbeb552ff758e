"""Cells say what the facts say: sums to the digit, Kaplan-Meier within the bound stated, whatever is asked."""

import math
import shutil
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from random import Random

import duckdb
import polars as pl
import pytest

from dashboard.metrics import answers, finishing, query, survival
from dashboard.metrics.access import Scope
from dashboard.metrics.query import Snapshot
from ingestion.warehouse import cells, cells_build, cells_grid, kpi_cells, kpi_spans, kpi_sql, statistics
from ingestion.warehouse.kpis import Filter, Kpi, Query, load_kpis

pytestmark = pytest.mark.slow

KPIS = load_kpis()
# Random questions of each KPI; more, where none of them is answered from cells.
SUMS_ASKED = 2
EVERYTHING = Scope.everything()
SOME = Scope(regions=("上海", "江苏", "广东"))
LAST = date(2025, 6, 30)
AXES = ("region", "area", "tier", "is_vip", "channel", "customer_type", "product", "product_group")
SUMS = [kpi for kpi in KPIS.values() if kpi.kind in kpi_sql.SUM_KINDS]
TIMED = [kpi for kpi in KPIS.values() if kpi.kind.startswith("km_")]
HUMAN_LIMITS = (30, 180, 1_800, 3_600, 7_200, 14_400, 28_800, 86_400, 172_800, 259_200, 604_800, 1_296_000)


@pytest.fixture(scope="module")
def facts(full_snapshot: Snapshot) -> Snapshot:
    """The snapshot as if it had no cells at all."""
    return full_snapshot.straight()


@pytest.fixture(scope="module")
def with_cells(full_snapshot: Snapshot, tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    """A copy of the snapshot with cells of every grain, however short its facts are."""
    file = Path(shutil.copy(full_snapshot.file, tmp_path_factory.mktemp("celled") / "snapshot.duckdb"))
    with pytest.MonkeyPatch.context() as patch, duckdb.connect(str(file)) as con:
        for limit in ("LEAST_ROWS", "UNITS_A_CELL", "SHORT"):
            patch.setattr(cells_build, limit, 0)
        cells_build.build(con, KPIS, only={kpi.rows for kpi in KPIS.values()} | {"marts.mart_complaints_daily"})
    return replace(full_snapshot, file=file)


@pytest.fixture(scope="module")
def with_histograms(with_cells: Snapshot) -> Snapshot:
    """The same, with durations from histograms alone: in a small snapshot the units are the shorter tables."""
    snapshot = replace(with_cells)
    snapshot.__dict__["cells"] = tuple(table for table in with_cells.cells if table.kind != "units")
    return snapshot


@pytest.fixture(scope="module")
def slices(full_snapshot: Snapshot) -> dict[str, list[str]]:
    found = full_snapshot.run(Query("select dimension, value from marts.mart_dimensions order by all", ()))
    return {name: found.filter(dimension=name)["value"].to_list() for name in AXES}


def question(random: Random, kpi: Kpi, slices: dict[str, list[str]]) -> tuple[Scope, Filter, tuple[str, ...], str]:
    """Any slices, dates, period and scope that the KPI can be asked."""
    known = [name for name in AXES if name in kpi.dimensions and slices[name]]
    named = random.sample(known, min(len(known), random.choice((0, 1, 1, 2))))
    where = {name: tuple(random.sample(slices[name], min(2, len(slices[name])))) for name in named}
    by = tuple(random.sample(known, min(len(known), random.choice((0, 0, 1, 2)))))
    period = random.choice(("total", "total", "month", "quarter", "year", "week", "day"))
    if kpi.over_time == "first" and period in ("day", "week"):
        period = "month"
    first = LAST - timedelta(days=random.randrange(20, 720))
    last = min(LAST, first + timedelta(days=random.randrange(400)))
    return random.choice((EVERYTHING, EVERYTHING, SOME)), Filter(first, last, where), by, period


def tables_read(snapshot: Snapshot, kpi: Kpi, wanted: Filter, by: tuple[str, ...], period: str) -> kpi_cells.Plan:
    asked = kpi_sql.Question(wanted, by, period, snapshot.last_date)
    timed = cells.durations_of(kpi, KPIS)
    if timed:
        return kpi_cells.durations_plan(kpi, asked, timed, snapshot.cells)
    return kpi_cells.sums_plan(kpi, asked, snapshot.cells)


@pytest.mark.parametrize("kpi", SUMS, ids=lambda kpi: kpi.id)
def test_sums_from_cells_are_those_of_the_facts(
    facts: Snapshot, with_cells: Snapshot, slices: dict[str, list[str]], kpi: Kpi
) -> None:
    random, from_cells = Random(kpi.id), 0
    for turn in range(6):
        if turn >= SUMS_ASKED and from_cells:
            break
        scope, wanted, by, period = question(random, kpi, slices)
        expected = query.values(facts, scope, kpi, wanted, by, period)
        found = query.values(with_cells, scope, kpi, wanted, by, period)
        assert found.equals(expected), (scope, wanted, by, period)
        from_cells += not kpi_cells.is_straight(tables_read(with_cells, kpi, wanted, by, period))
    assert from_cells > 0 or not set(AXES).intersection(kpi.dimensions) or not count(facts, kpi)


def count(snapshot: Snapshot, kpi: Kpi) -> int:
    return int(snapshot.run(Query(f"select count({kpi.time}) as n from {kpi.rows}", ()))["n"].item())


@pytest.mark.parametrize("kpi", TIMED, ids=lambda kpi: kpi.id)
def test_kaplan_meier_from_cells_lies_within_its_bound(
    facts: Snapshot,
    with_cells: Snapshot,
    with_histograms: Snapshot,
    slices: dict[str, list[str]],
    kpi: Kpi,
) -> None:
    random = Random(kpi.id)
    for turn in range(2):
        scope, wanted, by, period = question(random, kpi, slices)
        exact = query.values(facts, scope, kpi, wanted, by, period)
        found = query.values((with_cells, with_histograms)[turn % 2], scope, kpi, wanted, by, period)
        told = (scope, wanted, by, period)
        same = ["period", *by, "numerator", "denominator", "n", "state"]
        assert found.select(same).equals(exact.select(same)), told
        for name in ("value", "lower", "upper"):
            assert found[name].is_null().equals(exact[name].is_null()), (name, told)
            bound = survival.TIME_BOUND * exact[name] if kpi.kind == "km_time" else survival.SHARE_BOUND
            assert ((found[name] - exact[name]).abs() <= bound + 1e-9).all(), (name, told)


def test_cells_of_the_samples_are_read(with_cells: Snapshot, with_histograms: Snapshot) -> None:
    """What the tests above compare is not the facts with themselves."""
    kinds = {
        stretch.table.kind if stretch.table else "fact"
        for snapshot, kpi in (
            (with_cells, "ticket_volume"),
            (with_cells, "first_response_time"),
            (with_histograms, "first_response_time"),
        )
        for stretch in tables_read(
            snapshot, KPIS[kpi], Filter(date(2024, 3, 9), date(2025, 5, 3)), ("tier",), "total"
        )
    }
    assert kinds == {"sums", "units", "durations", "fact"}, "the ends of the last are the fact's"


def test_whole_months_come_from_months_and_the_rest_from_days(with_cells: Snapshot) -> None:
    wanted = Filter(date(2024, 3, 9), date(2025, 5, 31), {"product": ("x",), "tier": ("vip",)})
    plan = tables_read(with_cells, KPIS["ticket_volume"], wanted, (), "month")
    assert [(stretch.table.step if stretch.table else "fact", stretch.first, stretch.last) for stretch in plan] == [
        ("month", date(2024, 4, 1), date(2025, 5, 31)),
        ("fact", date(2024, 3, 9), date(2024, 3, 31)),
    ]
    by_week = tables_read(with_cells, KPIS["ticket_volume"], wanted, (), "week")
    assert [stretch.table for stretch in by_week] == [None], "no table has both by day"


def test_a_changed_definition_finds_no_cells(with_cells: Snapshot) -> None:
    """A snapshot may be older than the program that reads it."""
    changed = replace(KPIS["ticket_volume"], numerator="is_counted and is_open")
    wanted = Filter(date(2025, 1, 1), date(2025, 3, 31))
    assert kpi_cells.is_straight(tables_read(with_cells, changed, wanted, (), "total"))
    later = replace(KPIS["repurchase_90d"], horizon=95 * 86_400)
    asked = kpi_sql.Question(wanted, (), "total", LAST)
    timed = cells.durations_of(later, {later.id: later})
    assert timed is not None
    assert kpi_cells.is_straight(kpi_cells.durations_plan(later, asked, timed, with_cells.cells))


def test_counts_of_marts_are_the_same_from_cells(
    facts: Snapshot, with_cells: Snapshot, slices: dict[str, list[str]]
) -> None:
    random, seen = Random(7), 0
    marts = {table.model for table in with_cells.cells if table.model.startswith("marts.")}
    for mart in sorted(marts):
        own = [name for name in facts.columns[mart] if name in ("reason", "hour", "dimension", "score")]
        for _ in range(4):
            _, wanted, by, period = question(random, KPIS["ticket_volume"], slices)
            by = (*by, *own)
            found, expected = (
                query.sums(snapshot, SOME, mart, wanted, by, period) for snapshot in (with_cells, facts)
            )
            assert found.equals(expected), (mart, wanted, by, period)
            seen += found.height
    assert seen > 0


def test_short_facts_get_no_cells(full_snapshot: Snapshot) -> None:
    built = {table.model: table.model_rows for table in full_snapshot.cells}
    assert all(rows >= cells.LEAST_ROWS for rows in built.values())
    assert "core.fct_tickets" not in built


def test_first_days_are_written_down(full_snapshot: Snapshot) -> None:
    known = full_snapshot.first_dates
    assert {(kpi.id, kpi.version) for kpi in KPIS.values()} == set(known)
    unknown = replace(full_snapshot)
    unknown.__dict__["first_dates"] = {}
    for kpi in list(KPIS.values())[::7]:
        assert known[kpi.id, kpi.version] == query.first_date(unknown, EVERYTHING, kpi)


# --- the grid -------------------------------------------------------------------------------------------------------


def test_every_human_limit_is_an_edge_and_every_step_fits_the_next() -> None:
    for limit in (*HUMAN_LIMITS, *(days * 86_400 for days in (30, 60, 90, 180, 360))):
        assert cells_grid.edge(limit) == limit
    for (step, upto), (wider, _) in zip(cells_grid.BANDS, cells_grid.BANDS[1:], strict=False):
        assert upto % step == upto % wider == 0


def test_a_duration_lies_within_its_cell_and_its_middle_within_one_percent() -> None:
    horizons = (97, 7_200, 365 * 86_400)
    near = [horizon + shift for horizon in horizons for shift in (-1, 0, 1)]
    durations = [*range(400), *near, *(int(1.003**power) for power in range(2_000, 6_300))]
    with duckdb.connect() as con:
        con.execute("create table units as select unnest(?::bigint[]) as duration", [durations])
        rows = con.execute(f"select duration, {cells_grid.cell('duration', horizons)} from units").fetchall()
    frame = pl.DataFrame(rows, schema=["duration", "cell"], orient="row")
    shortest, longest = cells_grid.bounds(frame["cell"], horizons)
    assert ((shortest <= frame["duration"]) & (frame["duration"] <= longest)).all()
    assert ((longest - shortest) / 2 <= 0.01 * shortest).filter(shortest > 0).all()
    alone = frame.filter(pl.col("cell").is_in(list(horizons)))
    assert set(alone["duration"]) == set(horizons)


# --- the last step --------------------------------------------------------------------------------------------------


def kaplan_meier(units: pl.DataFrame) -> pl.DataFrame:
    """The curve by the SQL of statistics.py."""
    with duckdb.connect() as con:
        con.register("units", units.to_arrow())
        return con.sql(
            f"with {statistics.kaplan_meier('units', ('g',))} select * from km_curve order by g, duration"
        ).pl()


@pytest.mark.parametrize("censored", [0.0, 0.3, 0.9])
@pytest.mark.parametrize("ties", [1, 600])
def test_the_last_step_in_columns_is_that_of_sql(censored: float, ties: int) -> None:
    random = Random(f"{censored} {ties}")
    units = pl.DataFrame(
        [
            (random.choice("abc"), int(random.lognormvariate(8, 2)) // ties * ties, random.random() >= censored)
            for _ in range(900)
        ],
        schema=["g", "duration", "is_event"],
        orient="row",
    )
    counts = units.group_by("g", pl.col("duration").alias("cell")).agg(
        pl.col("is_event").cast(pl.Int64).sum().alias("events"), pl.len().cast(pl.Int64).alias("leaving")
    )
    found = survival._curves(counts.sort("g", "cell"), ["g"], is_exact=True)
    expected = kaplan_meier(units)
    for name in ("survival", "lower", "upper"):
        assert found[f"{name}_high"].to_list() == pytest.approx(expected[name].to_list(), abs=1e-12)


@pytest.mark.parametrize("n", [40, 900, 20_000])
@pytest.mark.parametrize("censored", [0.05, 0.5])
@pytest.mark.parametrize("ties", [1, 900])
def test_both_bounds_enclose_the_exact_curve(n: int, censored: float, ties: int) -> None:
    random = Random(f"{n} {censored} {ties}")
    units = [
        (max(1, int(random.lognormvariate(9, 1.5)) // ties * ties), random.random() >= censored) for _ in range(n)
    ]
    with duckdb.connect() as con:
        con.execute("create table units (duration bigint, is_event boolean)")
        con.execute(
            "insert into units select unnest(?::bigint[]), unnest(?::boolean[])",
            list(map(list, zip(*units, strict=True))),
        )

        def counted(cell: str) -> pl.DataFrame:
            return con.sql(
                f"""select 'a' as g, {cell} as cell, count(*) filter (where is_event) as events, count(*) as leaving
                from units group by all order by cell"""
            ).pl()

        exact = survival._curves(counted("duration"), ["g"], is_exact=True)
        found = survival._curves(counted(cells_grid.cell("duration")), ["g"], is_exact=False)
    edges = found.sort("cell").join_asof(
        exact.select("cell", "survival_high").sort("cell"), on="cell", suffix="_exact"
    )
    exactly = edges["survival_high_exact"]
    assert (edges["survival_low"] <= exactly + 1e-12).all()
    assert (exactly <= edges["survival_high"] + 1e-12).all()


def test_values_in_columns_are_those_of_sql(facts: Snapshot) -> None:
    """One set of formulas in SQL (passports, reports), one in columns (pages): the same to the last digits."""
    wanted = Filter(date(2024, 1, 1), LAST)
    seen = 0
    for kpi in KPIS.values():
        asked = answers.Asked(kpi, kpi_sql.Question(wanted, (), "year", facts.last_date))
        (found,) = answers.answer(facts, [asked])
        expected = facts.run(kpi_sql.value_query(kpi, asked.question))
        assert found.height == expected.height
        for one, other in zip(found.sort("period").to_dicts(), expected.sort("period").to_dicts(), strict=True):
            for name in ("numerator", "denominator", "n", "state"):
                assert one[name] == other[name], (kpi.id, name)
            for name in ("value", "lower", "upper"):
                assert one[name] == other[name] or math.isclose(one[name], other[name], rel_tol=1e-9), (kpi.id, name)
            seen += one["value"] is not None
    assert seen > 150
    assert {"value", "state"} <= set(finishing.COLUMNS)


def test_asked_together_is_asked_alone(full_snapshot: Snapshot) -> None:
    wanted = Filter(date(2024, 6, 1), date(2025, 5, 31))
    asks = [query.Ask(kpi, wanted, by, "quarter") for kpi in KPIS.values() for by in ((), kpi.dimensions[:1])]
    together = query.values_together(full_snapshot, EVERYTHING, asks)
    for ask, found in list(zip(asks, together, strict=True))[::5]:
        assert found.equals(query.values(full_snapshot, EVERYTHING, ask.kpi, wanted, ask.by, "quarter")), ask.kpi.id


def rounded(rows: pl.DataFrame) -> list[tuple[object, ...]]:
    """Rows that have units, by period, without the last digit of roots and logarithms."""
    columns = ["period", "state", "numerator", "denominator", "n", "value", "lower", "upper"]
    shown = rows.filter(pl.col("n") > 0).sort("period").select(columns)
    return [tuple(round(one, 9) if isinstance(one, float) else one for one in row) for row in shown.rows()]


def test_what_is_asked_together_is_what_each_fact_says_alone(
    facts: Snapshot, with_cells: Snapshot, slices: dict[str, list[str]]
) -> None:
    """Dates, periods and KPIs that share a scan do not mix, against one plain statement for each question."""
    kpis = [*SUMS, *(kpi for kpi in TIMED if kpi.rows == "core.fct_tickets")]
    channel = Filter(None, None, {"channel": (slices["channel"][0],)})
    dates = ((date(2024, 7, 1), LAST), (date(2024, 2, 9), date(2025, 5, 3)), (date(2025, 6, 1), date(2025, 8, 9)))
    for turn, (where, scope) in enumerate(((Filter(), EVERYTHING), (channel, EVERYTHING), (Filter(), SOME))):
        asks = [
            query.Ask(kpi, replace(where, date_from=first, date_to=last), (), period)
            for kpi in kpis
            if set(where.where) <= set(kpi.dimensions)
            for (first, last), period in zip(dates, ("month", "total", "quarter"), strict=True)
        ]
        exact = query.values_together(facts, scope, asks)
        from_cells = query.values_together(with_cells, scope, asks)
        # All are asked; a third is asked again alone, of each filter another.
        for ask, found, celled in list(zip(asks, exact, from_cells, strict=True))[turn::3]:
            asked = kpi_sql.Question(ask.wanted, (), ask.period, facts.last_date, scope.regions)
            expected = facts.run(kpi_sql.value_query(ask.kpi, asked))
            assert rounded(found) == rounded(expected), (ask.kpi.id, ask.wanted, ask.period, scope)
            if ask.kpi.kind in kpi_sql.SUM_KINDS:
                assert celled.equals(found), (ask.kpi.id, ask.wanted, ask.period, scope)


@pytest.mark.parametrize("kpi", [kpi for kpi in TIMED if not kpi.limit], ids=lambda kpi: kpi.id)
def test_curves_from_cells_are_as_close_as_values(
    facts: Snapshot, with_histograms: Snapshot, slices: dict[str, list[str]], kpi: Kpi
) -> None:
    random = Random(f"curve {kpi.id}")
    for _ in range(4):
        scope, wanted, _, _ = question(random, kpi, slices)
        exact = query.curve(facts, scope, kpi, wanted).select(
            pl.col("duration").cast(pl.Int64), "survival", "at_risk"
        )
        found = query.curve(with_histograms, scope, kpi, wanted).with_columns(pl.col("duration").cast(pl.Int64))
        both = found.join_asof(exact, on="duration", strategy="backward", suffix="_exact")
        told = both.filter(pl.col("at_risk_exact") > survival._LEAST_TOLD * pl.col("at_risk_exact").max() + 1)
        far = (told["survival"] - told["survival_exact"]).abs() > survival.SHARE_BOUND + 1e-9
        assert not far.any(), (scope, wanted, told.filter(far))


@pytest.mark.parametrize("kpi", TIMED[:3], ids=lambda kpi: kpi.id)
def test_no_more_durations_are_carried_out_than_may_be(
    facts: Snapshot, kpi: Kpi, monkeypatch: pytest.MonkeyPatch
) -> None:
    question = kpi_sql.Question(Filter(LAST - timedelta(days=360), LAST), (), "month", LAST)
    (wanted,) = answers.answer(facts, [answers.Asked(kpi, question)])
    carried: list[int] = []
    run = Snapshot.run

    def watched(snapshot: Snapshot, asked: Query) -> pl.DataFrame:
        found = run(snapshot, asked)
        carried.append(found.height)
        return found

    monkeypatch.setattr(Snapshot, "run", watched)
    monkeypatch.setattr(answers, "MOST_CARRIED", 40)
    # What is asked about stands for few units, so says who asks; what lies between stands for many.
    found = answers._exactly(facts, kpi, question, 2)
    assert max(carried) <= 41
    assert found.sort("period")["value"].to_list() == pytest.approx(wanted.sort("period")["value"].to_list())


def test_months_of_a_table_are_one_statement_and_no_day_is_told_twice() -> None:
    kpi = load_kpis()["ticket_volume"]
    names = kpi_cells.named([kpi])
    monthly, daily = (
        kpi_cells.Table(step, kpi.rows, kpi.time, step, "sums", (), tuple(names), size, 900)
        for step, size in (("month", 10), ("day", 300))
    )
    year, part = (date(2025, 1, 1), date(2025, 12, 31)), (date(2025, 1, 1), date(2025, 6, 20))
    spans = [kpi_spans.Span(None, days) for days in (year, part)]
    question = kpi_sql.Question(Filter(*year), (), "total", date(2026, 1, 1))
    plan = kpi_spans.plan_of(spans, [monthly, daily], is_by_day=False)
    asked = kpi_spans.sums_query([kpi], question, plan, names, spans)
    june = (date(2025, 6, 1), date(2025, 6, 30))
    assert asked.binds == (*year, *june, *june)
    assert asked.sql.count("from month where date between ? and ? and date not between ? and ?") == 1
    assert asked.sql.count("select") == 2
