"""What an expectation carries besides its condition: code, severity, and the reason in both languages."""

from typing import Any

from data_checks.rules import Rule, rules

# How Great Expectations names what we call stop and warn.
GX_SEVERITY = {"stop": "critical", "warn": "warning"}


def carries(code: str, *, column: str = "", detail: str = "", severity: str = "") -> dict[str, Any]:
    """Keyword arguments of an expectation for a reason code; `detail` says which columns or totals."""
    return carries_rule(rules()[code], column=column, detail=detail, severity=severity)


def carries_rule(rule: Rule, *, column: str = "", detail: str = "", severity: str = "") -> dict[str, Any]:
    """The same for one rule of sql/checks.

    What landing holds back must not be found again in what it loaded: "quarantine" becomes stop here. Flagged
    rows were loaded on purpose and only warn.
    """
    severity = severity or {"quarantine": "stop", "flag": "warn"}.get(rule.severity, rule.severity)
    reason = {lang: f"{words}{mark}{detail}" for lang, words, mark in _parts(rule, detail)}
    return {
        "severity": GX_SEVERITY[severity],
        "notes": reason["en"],
        "meta": {"code": rule.code, "severity": severity, "column": column, **reason},
    }


def _parts(rule: Rule, detail: str) -> list[tuple[str, str, str]]:
    return [
        ("zh", rule.label["zh"], "：" if detail else ""),
        ("en", rule.label["en"], ": " if detail else ""),
    ]
