"""Checks that somebody accepts for one run: with a reason, on record with who and when, and used up by that run.

Only checks whose rule says `accept = "with_reason"` (sql/checks) can be accepted. What is accepted warns instead of
stopping; keys, reconciliation, accounting and files that cannot be read are never among them.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from getpass import getuser
from typing import TYPE_CHECKING

from data_checks.rules import rules
from ingestion.errors import Finding
from ingestion.warehouse import ledger
from ingestion.warehouse.snapshots import now

if TYPE_CHECKING:
    from collections.abc import Sequence

    import duckdb

CHECK_FAILED = "check_failed"


@dataclass(frozen=True)
class Acceptance:
    """Which checks may fail tonight, why, and who says so. Nothing is accepted by default."""

    checks: tuple[str, ...] = ()
    because: str = ""
    by: str = ""

    def covers(self, finding: Finding) -> bool:
        """Whether the check that this finding is of is accepted, and may be."""
        check = check_of(finding)
        return check in self.checks and may_be_accepted(check)


def acceptance(checks: Sequence[str], because: str) -> Acceptance:
    """Accept checks in the name of whoever runs this process."""
    return Acceptance(tuple(dict.fromkeys(checks)), because.strip(), _user())


def check_of(finding: Finding) -> str:
    """The code of the rule behind a finding."""
    return str(finding.fields["check"]) if finding.code == CHECK_FAILED else finding.code


def may_be_accepted(check: str) -> bool:
    """Whether the rule of a check lets a person take responsibility; what is no rule cannot be accepted."""
    rule = rules().get(check)
    return rule is not None and rule.is_acceptable


def acceptable() -> list[str]:
    """Every check that may be accepted."""
    return sorted(code for code, rule in rules().items() if rule.is_acceptable)


def record(
    con: duckdb.DuckDBPyConnection, run_id: str, load_id: str | None, finding: Finding, accepted: Acceptance
) -> None:
    """Write down one failed check that did not stop the run because somebody accepted it."""
    ledger.insert(
        con,
        "overrides",
        {
            "run_id": run_id,
            "load_id": load_id,
            "code": check_of(finding),
            "subject": str(finding.fields.get("file") or finding.fields.get("suite") or ""),
            "because": accepted.because,
            "accepted_by": accepted.by,
            "accepted_at": now(),
        },
    )


def unused(con: duckdb.DuckDBPyConnection, run_id: str, accepted: Acceptance) -> list[Finding]:
    """What was accepted and did not fail: whoever accepted it may be mistaken about what is wrong."""
    rows = con.execute("select distinct code from warehouse.meta.overrides where run_id = ?", [run_id]).fetchall()
    used = {code for (code,) in rows}
    return [Finding("override_unused", {"check": check}) for check in accepted.checks if check not in used]


def _user() -> str:
    """The name of the user of the system, or the number where it has none, as in some containers."""
    try:
        return getuser()
    except (OSError, KeyError):
        return str(os.getuid())
