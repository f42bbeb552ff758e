"""Charts as dictionaries: units on axes, gaps left as gaps, doubt shown as doubt."""

from datetime import date
from typing import Any

import polars as pl
import pytest
from altair.utils.schemapi import SchemaValidationError

from dashboard import charts, charts_counts, charts_grids, theme
from dashboard.i18n import translator

ZH = translator("zh")
EN = translator("en")


def points(**changes: list[Any]) -> pl.DataFrame:
    columns: dict[str, list[Any]] = {
        "period": [date(2025, 1, 1), date(2025, 2, 1), date(2025, 3, 1)],
        "value": [0.71, None, 0.93],
        "lower": [0.66, None, 0.90],
        "upper": [0.74, None, 0.95],
        "n": [400, 0, 380],
        "state": ["ok", "empty", "provisional"],
    }
    return pl.DataFrame({**columns, **changes})


def layers(chart: charts.Drawing) -> list[dict[str, Any]]:
    return list(chart.to_dict()["layer"])


def rows(chart: charts.Drawing) -> list[dict[str, Any]]:
    return max(chart.to_dict()["datasets"].values(), key=len)


def test_a_gap_in_a_trend_stays_a_gap() -> None:
    drawn = rows(charts.kpi_trend(points(), "ratio", "zh", ZH))
    assert [row["value"] for row in drawn] == [0.71, None, 0.93]
    assert [row["value_text"] for row in drawn] == ["71.0%", "—", "93.0%"]
    assert [row["period_text"] for row in drawn] == ["2025-01", "2025-02", "2025-03"]


def test_a_target_is_a_dashed_rule_in_the_unit_of_the_axis() -> None:
    frame = points(value=[7_200.0, 10_800.0, 9_000.0], lower=[7_000.0] * 3, upper=[11_000.0] * 3)
    chart = charts.kpi_trend(frame, "seconds", "en", EN, target=14_400.0)
    rule = layers(chart)[-1]
    assert rule["mark"]["strokeDash"]
    assert rule["encoding"]["y"]["datum"] == 4.0
    assert layers(chart)[1]["encoding"]["y"]["title"] == "hours"


@pytest.mark.parametrize(
    ("largest", "title", "divisor"),
    [(90.0, "秒", 1.0), (600.0, "分钟", 60.0), (50_000.0, "小时", 3_600.0), (900_000.0, "天", 86_400.0)],
)
def test_durations_are_drawn_in_a_unit_people_say(largest: float, title: str, divisor: float) -> None:
    axis = charts.axis("seconds", largest, ZH, "zh")
    assert (axis.title, axis.divisor) == (title, divisor)


def test_chinese_count_axes_are_in_wan() -> None:
    assert "万" in str(charts.axis("count", 1e6, ZH, "zh").expression)
    assert charts.axis("count", 1e6, EN, "en").expression is None


def test_close_percentages_get_a_decimal() -> None:
    assert charts.axis("ratio", 0.91, ZH, "zh", 0.88).format == ".1%"
    assert charts.axis("ratio", 0.91, ZH, "zh", 0.40).format == ".0%"


def test_groups_of_few_cases_are_pale_and_ranked_last() -> None:
    groups = pl.DataFrame(
        {
            "region": ["A", "B", "C"],
            "value": [0.99, 0.5, 0.7],
            "lower": [0.7, 0.4, 0.6],
            "upper": [1.0, 0.6, 0.8],
            "n": [12, 500, 400],
            "state": ["small_n", "ok", "ok"],
        }
    )
    chart = charts.by_group(groups, "region", "ratio", "zh", ZH)
    dots = layers(chart)[1]["encoding"]
    assert dots["y"]["sort"] == ["C", "B", "A"]
    assert dots["color"]["condition"]["value"] == theme.PALE


def test_stacked_counts_keep_the_order_and_colours_of_the_parts() -> None:
    counts = pl.DataFrame(
        {"period": [date(2025, 1, 1)] * 2, "fate": ["breached", "met"], "count": [30, 70]},
    )
    words = {"met": "按时", "breached": "迟到"}
    chart = charts_counts.stacked(counts, "period", "fate", theme.SLA_COLOURS, "zh", ZH, part_labels=words)
    colour = chart.to_dict()["encoding"]["color"]
    assert colour["scale"] == {
        "domain": ["按时", "迟到"],
        "range": [theme.SLA_COLOURS["met"], theme.SLA_COLOURS["breached"]],
    }
    assert {row["part_label"]: round(row["share"], 2) for row in rows(chart)} == {"按时": 0.7, "迟到": 0.3}


def test_a_survival_curve_is_drawn_as_steps_and_can_be_turned_over() -> None:
    curve = pl.DataFrame(
        {
            "seconds": [0.0, 3_600.0, 20_000.0],
            "survival": [1.0, 0.6, 0.25],
            "lower": [1.0, 0.5, 0.2],
            "upper": [1.0, 0.7, 0.3],
            "at_risk": [10, 10, 6],
        }
    )
    falling = charts.survival(curve, "zh", ZH, x_title="x", y_title="y")
    rising = charts.survival(curve, "zh", ZH, x_title="x", y_title="y", falls=False)
    assert layers(falling)[1]["mark"]["interpolate"] == "step-after"
    assert layers(falling)[1]["encoding"]["x"]["title"] == "x (小时)"
    assert [row["share"] for row in rows(rising)] == [0.0, 0.4, 0.75]


def test_a_funnel_names_count_and_share_of_the_first_step() -> None:
    steps = pl.DataFrame({"step": ["报修", "派单"], "count": [12_000, 9_000], "share": [1.0, 0.75]})
    assert [row["text"] for row in rows(charts_counts.funnel(steps, "zh", ZH))] == [
        "1.20 万 · 100.0%",
        "9,000 · 75.0%",
    ]


def unmatured_word(layer: dict[str, Any]) -> str:
    """What the legend says of a hatched layer."""
    stroke = layer["encoding"]["stroke"]
    assert stroke["legend"]["symbolDash"]
    assert layer["transform"][-1]["calculate"] == f"'{stroke['scale']['domain'][0]}'"
    return str(stroke["scale"]["domain"][0])


@pytest.mark.parametrize(("lang", "word"), [("zh", "观察期未满（暂估）"), ("en", "Not yet matured (provisional)")])
def test_periods_that_are_not_over_are_hatched_and_named_in_the_legend(lang: str, word: str) -> None:
    drawn = layers(charts.kpi_trend(points(), "ratio", lang, translator(lang)))
    (band,) = [layer for layer in drawn if layer["mark"]["type"] == "rect"]
    assert band["mark"]["color"]["gradient"] == "linear"
    assert band["transform"][0]["filter"] == "datum.state == 'provisional'"
    assert unmatured_word(band) == word
    whole = points(state=["ok", "empty", "ok"])
    assert "rect" not in [layer["mark"]["type"] for layer in layers(charts.kpi_trend(whole, "ratio", lang, ZH))]


def test_the_hatched_periods_are_those_of_the_axis_in_their_order() -> None:
    drawn = layers(charts.kpi_trend(points(state=["provisional", "empty", "ok"]), "ratio", "zh", ZH))
    # An axis without a sort takes periods as it meets them: the layer of all of them comes first.
    assert "transform" not in drawn[0]
    assert [layer["mark"]["type"] for layer in drawn].index("rect") > 0


@pytest.mark.parametrize(("part", "is_marked"), [("maturing", True), ("not_due", True), ("unsettled", False)])
def test_parts_of_a_stack_that_are_not_decided_are_lighter_with_a_broken_edge(part: str, is_marked: bool) -> None:
    counts = pl.DataFrame({"period": [date(2025, 1, 1)] * 2, "part": ["settled", part], "count": [3, 2]})
    colours = {"settled": theme.BLUE, part: theme.PALE}
    chart = charts_counts.stacked(
        counts, "period", "part", colours, "zh", ZH, part_labels={"settled": "已化解", part: "其余"}
    )
    encoding = chart.to_dict()["encoding"]
    assert ("strokeDash" in encoding) is is_marked
    if is_marked:
        assert encoding["fillOpacity"]["condition"]["test"] == f"indexof(['{part}'], datum.part_code) >= 0"
        assert encoding["fillOpacity"]["condition"]["value"] < 0.5
        assert {row["part_code"] for row in rows(chart)} == {"settled", part}


def test_unmatured_cohort_cells_are_hatched_with_a_broken_edge() -> None:
    cells = pl.DataFrame(
        {
            "cohort": [date(2025, 1, 1)] * 2,
            "months_since": [1, 2],
            "customers": [100, 100],
            "repeats": [10, 15],
            "share": [0.10, 0.15],
            "is_matured": [True, False],
        }
    )
    waiting = layers(charts_grids.cohorts(cells, "zh", ZH))[1]
    assert waiting["mark"]["strokeDash"]
    assert waiting["mark"]["color"]["gradient"] == "linear"
    assert "color" not in waiting["encoding"]
    assert unmatured_word(waiting) == "观察期未满（暂估）"


def test_staying_in_a_tier_is_not_coloured_as_a_move() -> None:
    cells = pl.DataFrame(
        {"from_label": ["普通", "普通"], "to_label": ["普通", "VIP"], "count": [90, 10], "share": [0.9, 0.1]}
    )
    chart = charts_grids.matrix(cells, "zh", ZH, order=["普通", "VIP"], titles=("从", "到"))
    assert [row["moved"] for row in rows(chart)] == [None, 0.1]


def test_an_hour_without_tickets_has_no_cell() -> None:
    cells = pl.DataFrame({"weekday": [1, 7], "hour": [9, 23], "value": [0.8, 0.9], "n": [10, 20]})
    drawn = rows(charts_grids.heat_map(cells, "ratio", "en", EN, title="SLA"))
    assert [(row["day"], row["text"]) for row in drawn] == [("Mon", "80.0%"), ("Sun", "90.0%")]


def test_category_colours_stand_out_on_white_and_on_black() -> None:
    def luminance(colour: str) -> float:
        channels = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
        linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    for colour in theme.CATEGORIES[:5]:
        assert 1.05 / (luminance(colour) + 0.05) > 2.8, colour
        assert (luminance(colour) + 0.05) / 0.05 > 2.8, colour


def test_charts_that_no_other_test_draws_are_valid() -> None:
    """Pages write charts down without asking Altair's schema: each kind is asked here."""
    counts = pl.DataFrame({"reason": ["late", "rude"], "count": [30, 10], "share": [0.75, 0.25]})
    assert rows(charts_counts.ranked_counts(counts, "reason", "en", EN))[0]["text"] == "30 · 75.0%"
    scores = pl.DataFrame({"dimension": ["all"] * 2, "score": [1, 5], "count": [3, 9], "share": [0.25, 0.75]})
    assert [row["score_text"] for row in rows(charts_counts.score_bars(scores, "en", EN))] == ["1", "5"]


def test_an_invalid_chart_is_found_by_its_dictionary() -> None:
    wrong = charts_counts.ranked_counts(pl.DataFrame({"a": ["x"], "count": [1], "share": [1.0]}), "a", "en", EN)
    wrong.height = "tall"
    with pytest.raises(SchemaValidationError, match="tall"):
        wrong.to_dict()
