"""A gate that lets everything pass: Great Expectations takes seconds a night, and has tests of its own."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from data_checks import gate

STAGES = ("run_export_checks", "run_mart_checks")


def passing(stage: str) -> gate.GateResult:
    """What the gate says when all is well."""
    check = gate.CheckResult(stage, "suite", "expectation", "column", "stop", True, 0, 1, "code", "好", "fine")
    return gate.GateResult(stage, (check,))


@contextmanager
def open_gate() -> Iterator[None]:
    """Nights inside are not judged."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(gate, "prepare", lambda: None)
        patched.setattr(gate, "run_export_checks", lambda *_, **__: passing("exports"))
        patched.setattr(gate, "run_mart_checks", lambda *_, **__: passing("marts"))
        yield
