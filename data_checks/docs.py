"""The Data Docs of one run: every check that was made, as Great Expectations words it, in one page.

Its own pages fetch styles, fonts and scripts from five hosts, which a browser in a closed network cannot reach and an
open one would tell of every look. So it renders the checks, and the page around them (docs.html) is ours.

Importing this module imports Great Expectations, which takes seconds: import it inside the function that needs it.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import great_expectations.render.renderer.content_block
import great_expectations.render.view
from great_expectations.core import ExpectationValidationResult
from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from data_checks.gate import CheckResult, Judged

# Their own modules do not mark these names as exported, which a strict type checker refuses.
_blocks: Any = great_expectations.render.renderer.content_block
_views: Any = great_expectations.render.view

NOTHING_RAISED = {"raised_exception": False, "exception_message": None, "exception_traceback": None}
SEVERITIES = {"stop": "停止 · Stop", "warn": "提醒 · Warn"}
"""In both languages, as everything around what Great Expectations words."""
_FRAME = Path(__file__).with_name("docs.html")


def page(run_id: str, checks: Sequence[CheckResult], judged: Iterable[tuple[str, Judged]]) -> str:
    """A whole HTML document; nothing in it is fetched from anywhere.

    Args:
        checks: all of the run, also those that no expectation stands for.
        judged: file, or '' for a built table, and a suite with what became of it.
    """
    frame = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    view = _views.DefaultJinjaComponentView()
    failed = [check for check in checks if not check.success]
    suites = [
        {
            "name": " · ".join(filter(None, (one.suite.name, file))),
            "count": len(one.checks),
            "failed": sum(not check.success for check in one.checks),
            "table": Markup(view.render(_table(one))),  # noqa: S704 - Great Expectations escapes what it words
        }
        for file, one in judged
    ]
    template = frame.from_string(_FRAME.read_text(encoding="utf-8"))
    return template.render(
        run_id=run_id, passed=len(checks) - len(failed), failed=failed, suites=suites, severities=SEVERITIES
    )


def _table(judged: Judged) -> dict[str, Any]:
    """The checks of one suite, one line each, in the shape its views take."""
    results = [
        _result(expectation, check)
        for expectation, check in zip(judged.suite.expectations, judged.checks, strict=True)
    ]
    content = _blocks.ValidationResultsTableContentBlockRenderer.render(results, include_column_name=True)
    return {"content_block": content.to_json_dict(), "section_loop": {"index": 1}}


def _result(expectation: Any, check: CheckResult) -> ExpectationValidationResult:
    """A check in the shape its renderers take: what the ledger has, and never a value of a row."""
    count, rows = check.unexpected_count, check.element_count
    share = 100 * count / rows if count and rows else 0.0
    result = {"element_count": rows, "unexpected_count": count or 0, "unexpected_percent": share}
    # A row count is the one check whose observation is no count of faults.
    result["observed_value"] = rows if count is None else count
    return ExpectationValidationResult(
        success=check.success,
        expectation_config=expectation.configuration,
        result=result,
        exception_info=NOTHING_RAISED,
    )
