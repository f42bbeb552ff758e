"""`aftercare run --accept CHECK --because TEXT`: what it says, what it refuses, what stands on record."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from dashboard.commands import shared
from tests.gates import open_gate

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.dashboard.asked import Answer


@pytest.fixture
def exports(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Customers, and tickets of which three in a hundred have no date."""
    monkeypatch.setenv("AFTERCARE_SETTLE_SECONDS", "0")
    folder = tmp_path / "exports" / "helpdesk"
    folder.mkdir(parents=True)
    rows = "".join(f"T-{n},K-001,{'' if n < 20 else '2025-06-01 10:00:00'},open\n" for n in range(600))
    (folder / "tickets.csv").write_text(f"ticket_id,customer_id,created_at,status\n{rows}", encoding="utf-8")
    (folder / "customers.csv").write_text(
        "customer_id,name,tier,created_at\nK-001,Ann,gold,2025-06-01 10:00:00\n", encoding="utf-8"
    )
    return folder.parent


@pytest.mark.slow
def test_a_stopped_run_says_how_to_answer_for_it_and_the_record_says_who_did(
    aftercare: Callable[..., Answer], exports: Path, tmp_path: Path
) -> None:
    home = ("--home", tmp_path / "home")
    with open_gate():
        stopped = aftercare("run", exports, *home)
        assert stopped.code == shared.STOPPED
        assert "--accept accuracy_below_target --because" in stopped.err
        assert "rows 1, 2, 3, 4, 5" in stopped.err
        accepted = aftercare(
            "run", exports, *home, "--accept", "accuracy_below_target", "--because", "lost with the old system"
        )
    assert accepted.code == shared.PUBLISHED, accepted
    assert "Accepted for this run by" in accepted.err
    (record,) = aftercare("status", *home, "--format", "json").json["overrides"]
    assert (record["code"], record["subject"]) == ("accuracy_below_target", "tickets.csv")
    assert record["because"] == "lost with the old system"
    assert record["accepted_by"]
    assert "lost with the old system" in aftercare("status", *home).out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--accept", "ambiguous_dates"), "--because"),
        (("--because", "a reason"), "--accept"),
        (("--accept", "ambiguous_dates", "--because", "  "), "--because"),
        (("--accept", "ambiguous_date", "--because", "a reason"), "Did you mean ambiguous_dates"),
        (("--accept", "does_not_reconcile", "--because", "a reason"), "cannot be accepted"),
    ],
)
def test_what_cannot_be_accepted_is_said_before_anything_is_read(
    arguments: tuple[str, ...], said: str, aftercare: Callable[..., Answer], tmp_path: Path
) -> None:
    told = aftercare("run", tmp_path, "--home", tmp_path / "home", *arguments)
    assert (told.code, said in told.err) == (shared.USAGE, True), told
    assert not (tmp_path / "home").exists()


@pytest.mark.slow
def test_what_has_to_be_put_right_is_said(aftercare: Callable[..., Answer], exports: Path, tmp_path: Path) -> None:
    (exports / "helpdesk" / "tickets.csv").write_text("ticket_id,created_at\n1,2025-06-01 10:00:00\n")
    told = aftercare("run", exports, "--home", tmp_path / "home")
    assert told.code == shared.STOPPED
    assert "cannot be accepted and has to be put right: missing_column" in told.err
    assert "--accept" not in told.err
