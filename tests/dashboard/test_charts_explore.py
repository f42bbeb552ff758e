"""The steps of a change add up, whatever is left out of sight; small courses are hatched where they are not over."""

from datetime import date

import polars as pl
import pytest

from dashboard import charts_explore
from dashboard.i18n import translator


def explained() -> pl.DataFrame:
    """From 0.80 to 0.86 over four regions and a residual: worked out by hand."""
    rows = [
        ("total", None, 0.80, 0.86, 0.01, 0.05, 0.06),
        ("region", "A", 0.7, 0.9, 0.00, 0.05, 0.05),
        ("region", "B", 0.9, 0.8, -0.01, -0.02, -0.03),
        ("region", "C", 0.8, 0.9, 0.01, 0.01, 0.02),
        ("region", "D", 0.8, 0.81, 0.01, 0.0, 0.01),
        ("residual", None, None, None, None, None, 0.01),
    ]
    names = ("level", "region", "rate_before", "rate_now", "mix", "rate_effect", "total")
    return pl.DataFrame(rows, schema=names, orient="row")


def test_steps_lead_from_before_to_now() -> None:
    steps = charts_explore.steps(explained(), "region", 2).to_dicts()
    assert [(one["kind"], one["code"]) for one in steps] == [
        ("before", None), ("segment", "A"), ("segment", "B"), ("others", None), ("residual", None), ("now", None),
    ]  # fmt: skip
    inner = steps[1:-1]
    assert [one["effect"] for one in inner] == pytest.approx([0.05, -0.03, 0.03, 0.01])
    assert inner[0]["start"] == pytest.approx(0.80)
    assert inner[-1]["end"] == pytest.approx(steps[-1]["end"]) == pytest.approx(0.86)
    assert inner[2]["mix"] == pytest.approx(0.02)
    assert inner[2]["own"] == pytest.approx(0.01)


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_the_waterfall_is_a_chart_that_vega_knows(lang: str) -> None:
    t = translator(lang)
    steps = charts_explore.steps(explained(), "region", 2)
    named = steps.with_columns(pl.Series("label", [f"step {number}" for number in range(6)]))
    drawn = charts_explore.waterfall(named, "ratio", "higher", lang, t).to_dict()
    (data,) = [rows for rows in drawn["datasets"].values() if len(rows) == 6]
    assert [row["tone"] for row in data] == ["end", "helps", "hurts", "helps", "helps", "end"]


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_small_courses_are_hatched_where_a_period_is_not_over(lang: str) -> None:
    t = translator(lang)
    points = pl.DataFrame(
        [
            (date(2025, month, 1), region, tier, 0.5 + month / 10, 40, "provisional" if late and month == 2 else "ok")
            for region, late in (("A", True), ("B", False))
            for tier in ("gold", "vip")
            for month in (1, 2)
        ],
        schema=["period", "region", "tier", "value", "n", "state"],
        orient="row",
    )
    drawn = [one.to_dict() for one in charts_explore.multiples(points, "ratio", ("region", "tier"), lang, t)]
    assert [one["title"] for one in drawn] == ["A", "B"]
    kinds = [[layer["mark"]["type"] for layer in one["layer"]] for one in drawn]
    assert kinds == [["rect", "line"], ["line"]]
    assert drawn[0]["layer"][0]["mark"]["color"]["gradient"] == "linear"
