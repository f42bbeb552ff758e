"""Pages say nothing of their own: every word comes from the language files, and every code has its word."""

import ast
import re
from pathlib import Path

import pytest

import dashboard
from dashboard import periods, shapes
from dashboard.i18n import texts, translator
from dashboard.labels import Labels
from data_checks.contract import datasets
from ingestion.warehouse.entries import PAGES as AREAS
from ingestion.warehouse.kpis import PERIODS, load_kpis
from ingestion.warehouse.views import load_views

FOLDER = Path(dashboard.__file__).parent
PAGES = sorted((FOLDER / "app_pages").glob("[!_]*.py"))
CODE = [*(path for path in sorted(FOLDER.glob("[!_]*.py")) if path.stem != "cli"), *PAGES]
CHINESE = re.compile(r"[\u4e00-\u9fff]")


def strings(path: Path) -> list[str]:
    """Text in the code of a file, without docstrings."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    owners = (ast.Module, ast.ClassDef, ast.FunctionDef)
    docs = {ast.get_docstring(node, clean=False) for node in ast.walk(tree) if isinstance(node, owners)}
    found = (node.value for node in ast.walk(tree) if isinstance(node, ast.Constant))
    return [text for text in found if isinstance(text, str) and text not in docs]


@pytest.mark.parametrize("path", CODE, ids=lambda path: path.stem)
def test_every_key_in_the_code_exists(path: Path) -> None:
    keys = re.findall(r"""\bt\("([a-z_0-9.]+)"[,)]""", path.read_text(encoding="utf-8"))
    assert [key for key in keys if key not in texts("en")] == []


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_pages_hold_no_wording_and_no_sql(path: Path) -> None:
    assert [text for text in strings(path) if CHINESE.search(text) or " " in text] == []


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_every_page_has_its_title_and_question(path: Path) -> None:
    assert {f"pages.{path.stem}.title", f"pages.{path.stem}.question"} <= texts("en").keys()


def test_words_made_from_codes_exist() -> None:
    kpis = load_kpis().values()
    wanted = [
        *(f"periods.{name}" for name in periods.PRESETS),
        *(f"comparisons.{name}" for name in periods.COMPARISONS),
        *(f"comparisons.short_{name}" for name in (*periods.COMPARISONS, "same")),
        *(f"fates.{promise}.{name}" for promise in ("response", "resolution") for name in shapes.FATES),
        *(f"target_kinds.{kind}" for kind in ("absolute", "relative", "benchmark", "benchmark_relative", "whole")),
        *(f"chain.{name}" for name in shapes.CHAIN),
        *(f"ages.{name}" for name in shapes.AGE_BANDS),
        *(f"datasets.{name}" for name in datasets()),
        *(f"datasets.{name}" for kpi in kpis for name in kpi.datasets),
        *(f"states.{name}" for name in ("ok", "provisional", "small_n", "empty", "not_connected", "not_reached")),
        *(f"units.{kpi.unit}" for kpi in kpis if kpi.unit != "ratio"),
        *(f"better.{kpi.better}" for kpi in kpis),
        *(f"clocks.{kpi.clock}" for kpi in kpis if kpi.clock),
        *(f"dimensions.{name}" for kpi in kpis for name in kpi.dimensions),
        *(f"owners.{one.owner}" for one in (*kpis, *load_views().values())),
        *(f"steps.{name}" for name in PERIODS),
        *(f"explorer.steps.{name}" for name in ("before", "now", "others", "residual")),
        *(f"goals.units.{kpi.unit}" for kpi in kpis if kpi.unit != "seconds"),
        *(f"areas.{name}" for name in AREAS),
    ]
    assert sorted({key for key in wanted if key not in texts("en")}) == []


def test_every_section_a_page_opens_is_worded() -> None:
    opened = re.compile(r"""parts\.section\(view, "(\w+)"\)""")
    named = {key for path in CODE for key in opened.findall(path.read_text(encoding="utf-8"))}
    assert {f"sections.{key}.{part}" for key in named for part in ("title", "note")} <= texts("en").keys()


@pytest.mark.parametrize(
    ("dimension", "value", "zh", "en"),
    [
        ("tier", "vip", "VIP 客户", "VIP"),
        ("region", "北京", "北京", "Beijing"),
        ("area", "华东", "华东", "East"),
        ("channel", "unknown", "未知", "Unknown"),
        ("is_vip", True, "VIP", "VIP"),
        ("tier_to", "lost", "已流失", "Lost"),
        ("dimension", "speed", "响应速度", "Speed"),
        ("product", "空调 A1", "空调 A1", "空调 A1"),
    ],
)
def test_values_are_named_by_policy_then_by_us_then_as_found(dimension: str, value: object, zh: str, en: str) -> None:
    assert Labels("zh", translator("zh")).value(dimension, value) == zh
    assert Labels("en", translator("en")).value(dimension, value) == en
