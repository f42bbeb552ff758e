"""The kinds of KPIs that the golden tickets do not show, on units written out by hand: rates, differences, views."""

from collections.abc import Callable
from datetime import date, datetime
from math import sqrt
from pathlib import Path

import duckdb
import pytest
from lifelines import KaplanMeierFitter
from lifelines.utils import qth_survival_times

from dashboard.metrics import query
from dashboard.metrics.access import Scope
from ingestion.warehouse import cells, views
from ingestion.warehouse.entries import KpiEntryInvalid
from ingestion.warehouse.kpis import Filter, KpiQuestionInvalid, load_kpis

Z = 1.959963984540054
WORDS = """
label = { zh = "甲", en = "a" }
meaning = { zh = "甲", en = "a" }
formula = { zh = "甲", en = "a" }
rows = "core.fct_units"
time = "day"
datasets = ["tickets"]
page = "response"
owner = "service"
document = "000"
quote = "test"
"""
KPI = f"""{WORDS}
differs = {{ zh = "甲", en = "a" }}
better = "higher"
layer = "efficiency"
minimum_n = 2
"""
WHOLE = Filter(date(2025, 1, 1), date(2025, 1, 31))

# day, region, channel, is_late, score, complaints, hours, wait, ended
UNITS = """
    ('2025-01-01', '北京', 'chat',  true,  2, 1, 1.50, 10, true),
    ('2025-01-01', '北京', 'chat',  true,  4, 0, 0.25, 30, true),
    ('2025-01-02', '北京', 'chat',  false, 5, 0, 2.00,  5, true),
    ('2025-01-02', '上海', 'chat',  false, 4, 2, 0.00,  9, false),
    ('2025-01-03', '上海', 'email', true,  1, 0, 4.00, 60, true),
    ('2025-01-03', '上海', 'email', false, 3, 0, 1.00, 20, true),
    ('2025-01-03', '上海', 'email', false, 5, 1, 1.25, 40, true),
    ('2025-02-01', '上海', 'phone', true,  1, 9, 9.00,  1, true),
    ('2025-01-04', '上海', 'phone', true,  2, 0, null,  1, true)
"""


@pytest.fixture
def ask(tmp_path: Path) -> Callable[..., dict[str, object]]:
    """ask(entry lines, Filter, by) -> the one row of the KPI's total over the units above."""
    file = tmp_path / "snapshot.duckdb"
    with duckdb.connect(str(file)) as con:
        con.execute("create schema core")
        con.execute("create schema meta")
        con.execute(
            "create table core.fct_units as select col0::date as day, col1 as region, col2 as channel, "
            "col3 as is_late, col4::bigint as score, col5::bigint as complaints, col6::decimal(9, 2) as "
            f"hours, col7::bigint as wait, col8 as ended, true as counts from (values {UNITS})"
        )
        con.execute("create table meta.run as select 'Asia/Shanghai' as business_timezone")
        con.execute("create table meta.datasets as select 'tickets' as dataset, 's' as source, 1 as row_count")
    snapshot = query.Snapshot("R1", datetime(2025, 3, 1), datetime(2025, 3, 1), file)

    def answer(entry: str, wanted: Filter = WHOLE, part: str | None = None) -> object:
        folder = tmp_path / str(abs(hash(entry)))
        folder.mkdir(exist_ok=True)
        (folder / "one.toml").write_text(f"[one]{KPI}{entry}", encoding="utf-8")
        kpi = load_kpis(folder)["one"]
        if part:
            return query.rows(snapshot, Scope.everything(), kpi, wanted, part).height
        return query.values(snapshot, Scope.everything(), kpi, wanted).row(0, named=True)

    answer.snapshot = snapshot  # type: ignore[attr-defined]
    return answer  # type: ignore[return-value]


RATE = """
kind = "rate"
unit = "number"
numerator = "complaints"
denominator = "cast(counts as integer)"
per = 1000
"""
HOURS = """
kind = "rate"
unit = "number"
is_count = false
numerator = "hours"
denominator = "score"
"""


def test_a_rate_is_the_sum_over_the_sum_times_per(ask: Callable[..., dict[str, object]]) -> None:
    row = ask(RATE)
    # 1 + 2 + 1 = 4 complaints over the 8 units of January
    assert (row["numerator"], row["denominator"], row["n"], row["value"]) == (4, 8, 8, 500.0)
    # The exact limits of four events are 1.08987 and 10.24159 (tables of the Poisson distribution).
    assert row["lower"] == pytest.approx(1000 * 1.08987 / 8, rel=1e-5)
    assert row["upper"] == pytest.approx(1000 * 10.24159 / 8, rel=1e-5)
    assert ask(RATE, WHOLE, "denominator") == 8
    assert ask(RATE, WHOLE, "numerator") == 3


def test_a_rate_of_amounts_keeps_its_fractions_and_claims_no_interval(ask: Callable[..., dict[str, object]]) -> None:
    row = ask(HOURS)
    # 1.5 + 0.25 + 2 + 0 + 4 + 1 + 1.25 = 10 hours over 2 + 4 + 5 + 4 + 1 + 3 + 5 + 2 = 26 points
    assert (row["numerator"], row["denominator"], row["value"]) == (10.0, 26.0, pytest.approx(10 / 26))
    assert (row["lower"], row["upper"], row["n"]) == (None, None, 8)


DIFFERENCE = """
kind = "difference"
unit = "ratio"
group = "is_late"
denominator = "counts"
strata = ["channel"]
"""
SATISFIED = f"""{DIFFERENCE}
measure = "share"
numerator = "score >= 4"
"""


def test_a_difference_of_shares_compares_within_strata(ask: Callable[..., dict[str, object]]) -> None:
    row = ask(SATISFIED)
    # chat: late 1 of 2, others 2 of 2: -1/2, weight 2 x 2 / 4 = 1, variance 1/4 / 2 + 0
    # email: late 0 of 1, others 1 of 2: -1/2, weight 1 x 2 / 3 = 2/3, variance 0 + 1/4 / 2
    # phone: late only, tells nothing
    value = -1 / 2
    error = sqrt((1 * 1 / 8 + 4 / 9 * 1 / 8) / (5 / 3) ** 2)
    assert row["value"] == pytest.approx(value, abs=1e-12)
    assert (row["lower"], row["upper"]) == (pytest.approx(value - Z * error), pytest.approx(value + Z * error))
    # satisfied among the late ones: 1; all that are compared, the phone too: 8
    assert (row["numerator"], row["denominator"], row["state"]) == (1, 8, "ok")
    assert ask(SATISFIED, WHOLE, "denominator") == 8
    assert ask(SATISFIED, WHOLE, "numerator") == 1


def test_a_difference_of_means_needs_two_values_a_side(ask: Callable[..., dict[str, object]]) -> None:
    row = ask(f'{DIFFERENCE}\nmeasure = "mean"\nnumerator = "score"')
    # chat alone: late 3 (variance 2), others 4.5 (variance 1/2): -1.5; one late e-mail has no spread
    error = sqrt(2 / 2 + 0.5 / 2)
    assert row["value"] == pytest.approx(-1.5)
    assert row["upper"] == pytest.approx(-1.5 + Z * error)
    assert row["numerator"] == 2 + 4 + 1 + 2


def test_a_difference_of_medians_counts_those_who_still_wait(ask: Callable[..., dict[str, object]]) -> None:
    row = ask(f'{DIFFERENCE}\nmeasure = "median"\nduration = "wait"\nevent = "ended"\nnumerator = "ended"')
    # chat: late 10 (S = 1/2), others 5 (S = 1/2, the other waits): 5; e-mail: 60 against 20 (S = 1/2): 40
    assert row["value"] == pytest.approx((1 * 5 + 2 / 3 * 40) / (5 / 3))
    assert (row["numerator"], row["denominator"]) == (4, 8)


def test_a_median_without_an_interval_has_no_say_where_others_have_one(ask: Callable[..., dict[str, object]]) -> None:
    """Chat: 1 to 20 are late and 11 to 30 are not, 10 against 20. One e-mail a side, 5 against 9, bounds nothing."""
    late, others = list(range(1, 21)), list(range(11, 31))
    units = [("chat", True, wait) for wait in late] + [("chat", False, wait) for wait in others]
    units += [("email", True, 5), ("email", False, 9)]
    with duckdb.connect(str(ask.snapshot.file)) as con:  # type: ignore[attr-defined]
        con.executemany(
            "insert into core.fct_units select date '2024-12-01', '北京', ?, ?, 1, 0, 0, ?, true, true", units
        )
    entry = f'{DIFFERENCE}\nmeasure = "median"\nduration = "wait"\nevent = "ended"\nnumerator = "ended"'
    row = ask(entry, Filter(date(2024, 12, 1), date(2024, 12, 31)))
    ends = [
        qth_survival_times(0.5, KaplanMeierFitter().fit(waits).confidence_interval_).iloc[0].to_numpy()
        for waits in (late, others)
    ]
    half = sqrt(sum(((upper - lower) / 2) ** 2 for lower, upper in ends))
    assert row["value"] == -10
    assert (row["lower"], row["upper"]) == (pytest.approx(-10 - half), pytest.approx(-10 + half))
    assert (row["numerator"], row["denominator"]) == (21, 42)


def test_no_stratum_with_both_sides_gives_no_value(ask: Callable[..., dict[str, object]]) -> None:
    row = ask(SATISFIED, Filter(date(2025, 1, 4), date(2025, 1, 5)))
    assert (row["value"], row["state"], row["denominator"]) == (None, "not_reached", 1)


EITHER = """
kind = "km_time"
unit = "seconds"
quantile = 0.5
duration = "wait"
event = "ended"
numerator = "ended"
denominator = "channel = 'phone' or channel = 'chat'"
"""


def test_a_duration_of_either_kind_of_units_keeps_to_the_dates_and_slices(
    ask: Callable[..., dict[str, object]], tmp_path: Path
) -> None:
    """An `or` in the denominator must not let units in that the filter leaves out."""
    first, everything = Filter(date(2025, 1, 2), date(2025, 1, 31), {"channel": ("chat",)}), Scope.everything()
    # Chat of the second day: 5, and one that waits since 9. Phone calls are another slice.
    assert (ask(EITHER, first)["n"], ask(EITHER, first)["value"]) == (2, 5)
    (folder,) = {path.parent for path in tmp_path.glob("*/one.toml")}
    kpi, snapshot = load_kpis(folder)["one"], ask.snapshot  # type: ignore[attr-defined]
    by_region = query.values(snapshot, everything, kpi, first, ["region"])
    assert dict(by_region.select("region", "n").rows()) == {"北京": 1, "上海": 1}
    assert query.curve(snapshot, everything, kpi, first)["at_risk"].to_list() == [2, 1]
    timed = cells.durations_of(kpi, {"one": kpi})
    assert timed is not None
    counted = f"select count(*) from core.fct_units where channel = 'email' and {timed.condition}"
    assert snapshot.run(query.Query(counted, ())).item() == 0


VIEW = f"""[one]{WORDS}
columns = {{ channel = {{ zh = "渠道", en = "Channel" }} }}
units_of = {{ median = "seconds" }}
"""


def view_of(folder: Path, sql: str) -> views.View:
    (folder / "views").mkdir()
    (folder / "views" / "one.toml").write_text(f'{VIEW}sql = """{sql}"""', encoding="utf-8")
    return views.load_views(folder / "views")["one"]


def test_a_view_is_a_table_over_the_filtered_units(ask: Callable[..., dict[str, object]], tmp_path: Path) -> None:
    sql = """
    with waits as (select channel, wait as duration, ended as is_event from units), {kaplan_meier:waits:channel}
    select channel, count(*) as steps, {km_median} as median, {last_date} as last_date
    from km_curve group by channel order by channel"""
    view = view_of(tmp_path, sql)
    snapshot = ask.snapshot  # type: ignore[attr-defined]
    found = query.view(snapshot, Scope.everything(), view, Filter(*WHOLE_DATES, {"region": ("上海",)}))
    # Shanghai: chat one still waiting (no median); e-mail 20 (2/3), 40 (1/3); phone 1
    last = date(2025, 2, 28)
    assert found.rows() == [("chat", 1, None, last), ("email", 3, 40, last), ("phone", 1, 1, last)]
    assert query.view(snapshot, Scope(regions=("北京",)), view, WHOLE).rows() == [("chat", 3, 10, last)]
    assert query.view_rows(snapshot, Scope(regions=("北京",)), view, WHOLE).height == 3


WHOLE_DATES = (date(2025, 1, 1), date(2025, 1, 31))


@pytest.mark.parametrize(
    ("sql", "named"),
    [
        ("select * from core.fct_units", "core.fct_units"),
        ("select * from units join people on true", "people"),
        ("select * from units; drop table units", "exactly one"),
        ("delete from units", "exactly one"),
        ("select {nonsense} from units", "nonsense"),
        ("select from from", "sql"),
    ],
)
def test_a_view_reads_its_units_and_nothing_else(tmp_path: Path, sql: str, named: str) -> None:
    with pytest.raises(KpiEntryInvalid, match=named):
        view_of(tmp_path, sql)


def test_a_view_refuses_a_slice_that_its_fact_does_not_know(
    ask: Callable[..., dict[str, object]], tmp_path: Path
) -> None:
    view = view_of(tmp_path, "select 1 as one from units")
    with pytest.raises(KpiQuestionInvalid, match="unknown_dimension"):
        query.view(ask.snapshot, Scope.everything(), view, Filter(*WHOLE_DATES, {"colour": ("red",)}))  # type: ignore[attr-defined]
