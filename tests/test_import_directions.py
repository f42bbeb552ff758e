"""Python imports only leftwards: data_checks <- ingestion <- dashboard; sql holds none.

Read from the syntax tree, so an import inside a function or under TYPE_CHECKING counts too.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
ROOMS = ("data_checks", "ingestion", "dashboard")
CLI = Path("dashboard/cli.py")
COMMANDS = Path("dashboard/commands")  # the same file, one command a part

# Folder -> what nothing below it may import.
FORBIDDEN = {
    "data_checks": {"ingestion", "dashboard", "streamlit"},
    "ingestion": {"dashboard", "streamlit"},
    "dashboard/metrics": {"streamlit"},
}


def imported_modules(file: Path, root: Path) -> Iterator[str]:
    """Every module that a file imports, by its full dotted name, relative imports resolved."""
    package = file.relative_to(root).parent.parts
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"), filename=str(file))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            module = ".".join([*base, *([node.module] if node.module else [])])
            yield from (f"{module}.{alias.name}" for alias in node.names)


def offences(root: Path) -> list[str]:
    """Every breach of the directions below root, as "file: what it does"."""
    found = [f"{file.relative_to(root)}: Python in sql" for file in sorted((root / "sql").rglob("*.py"))]
    for room in ROOMS:
        for file in sorted((root / room).rglob("*.py")):
            found += _offences_of(file, root)
    return found


def _offences_of(file: Path, root: Path) -> Iterator[str]:
    name = file.relative_to(root)
    modules = set(imported_modules(file, root))
    packages = {module.partition(".")[0] for module in modules}
    for folder, forbidden in FORBIDDEN.items():
        if name.is_relative_to(folder):
            yield from (f"{name}: imports {package}" for package in sorted(packages & forbidden))
    if name != CLI:
        if not name.is_relative_to(COMMANDS) and packages.issuperset(ROOMS):
            yield f"{name}: imports every room"
        if any(f"{module}.".startswith("dashboard.cli.") for module in modules):
            yield f"{name}: imports dashboard.cli"


def test_imports_go_leftwards_only() -> None:
    assert offences(ROOT) == []


@pytest.mark.parametrize(
    ("file", "source", "offence"),
    [
        ("sql/helper.py", "", "Python in sql"),
        ("data_checks/suites/raw.py", "import ingestion.errors", "imports ingestion"),
        ("data_checks/gate.py", "from dashboard.parts import kpi_card", "imports dashboard"),
        ("ingestion/pipeline.py", "def run():\n    from dashboard import alerts", "imports dashboard"),
        ("ingestion/warehouse/kpis.py", "import streamlit as st", "imports streamlit"),
        ("dashboard/metrics/query.py", "import streamlit as st", "imports streamlit"),
        ("dashboard/app.py", "import data_checks, ingestion, dashboard.parts", "imports every room"),
        ("dashboard/app.py", "from dashboard import cli", "imports dashboard.cli"),
        ("dashboard/app_pages/quality.py", "from ..cli import main", "imports dashboard.cli"),
    ],
)
def test_a_planted_offender_is_found(tmp_path: Path, file: str, source: str, offence: str) -> None:
    planted = tmp_path / file
    planted.parent.mkdir(parents=True)
    planted.write_text(source, encoding="utf-8")
    assert offences(tmp_path) == [f"{file}: {offence}"]


@pytest.mark.parametrize(
    ("file", "source"),
    [
        ("dashboard/cli.py", "import data_checks, ingestion, dashboard.reports"),
        ("dashboard/app.py", "import streamlit\nfrom ingestion.warehouse import kpis"),
        ("ingestion/pipeline.py", "from data_checks import gate"),
        ("ingestion/sources/table_export.py", "from ..errors import IngestionError"),
    ],
)
def test_what_is_allowed_is_let_through(tmp_path: Path, file: str, source: str) -> None:
    allowed = tmp_path / file
    allowed.parent.mkdir(parents=True)
    allowed.write_text(source, encoding="utf-8")
    assert offences(tmp_path) == []
