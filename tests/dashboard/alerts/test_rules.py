"""alerts.toml: what it may say, and a clear word on what it may not."""

from __future__ import annotations

import re
from datetime import time, timedelta
from pathlib import Path

import pytest

from dashboard.alerts import rules
from dashboard.commands import alerts
from dashboard.i18n import LANGUAGES, texts

CHANNEL = '[[channel]]\nname = "ops"\nenv = "HOOK"\n'
KPI = '[[kpi]]\nkpis = ["csat"]\n'
QUIET = '[quiet]\nfrom = "22:00"\nto = "07:30"\n'


def read(folder: Path, text: str) -> rules.Rules:
    (folder / "alerts.toml").write_text(text, encoding="utf-8")
    found = rules.read(folder)
    assert found is not None
    return found


def test_no_file_no_rules(tmp_path: Path) -> None:
    assert rules.read(tmp_path) is None


def test_the_example_of_the_manual_can_be_followed(tmp_path: Path) -> None:
    manual = (Path(rules.__file__).parent / "README.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"```toml\n(.*?)```", manual, flags=re.DOTALL)
    found = read(tmp_path, example)
    manager, ops = found.channels
    assert manager.tell == {*rules.VERDICTS, "verdict", "kpi", "freshness"}
    assert ops.tell == {"stopped", "failed", "freshness"}
    assert (found.kpis[0].baseline, found.kpis[0].target_periods, found.kpis[0].limits) == (12, 2, True)
    assert found.promise == timedelta(hours=36)
    assert found.quiet == rules.Quiet(time(22), time(7, 30), frozenset({"stopped", "failed"}))


def test_left_out_things_have_defaults(tmp_path: Path) -> None:
    found = read(tmp_path, CHANNEL + KPI)
    assert (found.channels[0].lang, found.promise, found.quiet) == ("zh", None, None)
    assert found.kpis == (rules.KpiRule(("csat",), "month", True, 12, 0),)


@pytest.mark.parametrize(
    ("text", "code", "named"),
    [
        ("[[channel]\n", "syntax", "line 1"),
        ("", "no_channel", ""),
        (CHANNEL + CHANNEL, "twice", "ops"),
        (CHANNEL + 'url = "https://x/?key=K3Y"', "unknown_key", "url"),
        ('[[channel]]\nname = "a"', "missing", "env"),
        ('[[channel]]\nname = " "\nenv = "A"', "empty", "name"),
        ('[[channel]]\nname = 7\nenv = "A"', "bad_type", "name"),
        ('[[channel]]\nname = "a"\nenv = "wecombot://K3Y"', "not_a_variable", "env"),
        (CHANNEL + 'lang = "fr"', "not_one_of", "zh, en"),
        (CHANNEL + 'tell = ["verdikt"]', "not_one_of", "verdict"),
        (CHANNEL + "tell = []", "empty", "tell"),
        (CHANNEL + '[[kpi]]\nkpis = ["csta"]', "unknown_kpi", "csat"),
        (CHANNEL + KPI + 'period = "day"', "not_one_of", "week, month"),
        (CHANNEL + KPI + "baseline = 7", "out_of_range", "8"),
        (CHANNEL + KPI + "target_periods = true", "bad_type", "target_periods"),
        (CHANNEL + KPI + "target_periods = -1", "out_of_range", "target_periods"),
        (CHANNEL + "[freshness]\n", "missing", "hours"),
        (CHANNEL + "[freshness]\nhours = 0", "out_of_range", "hours"),
        (CHANNEL + '[quiet]\nfrom = "22:00"\nto = "7h"', "bad_time", "to"),
        (CHANNEL + '[quiet]\nfrom = "22:00"\nto = "22:00"', "no_hours", "[quiet]"),
        (CHANNEL + QUIET + 'urgent = ["kpi"]', "not_one_of", "stopped"),
        ("freshness = 3\n" + CHANNEL, "bad_type", "freshness"),
        (CHANNEL.replace("[[channel]]", "[channel]"), "bad_type", "channel"),
        (CHANNEL + "[silence]", "unknown_key", "silence"),
    ],
)
def test_what_cannot_be_followed_is_told_without_a_secret(tmp_path: Path, text: str, code: str, named: str) -> None:
    with pytest.raises(rules.RulesInvalid) as refused:
        read(tmp_path, text)
    assert refused.value.code == code
    told = alerts.invalid(refused.value)
    assert named in told
    assert "K3Y" not in told + str(refused.value)


def test_every_reason_has_its_words() -> None:
    source = Path(rules.__file__).read_text(encoding="utf-8")
    codes = set(re.findall(r'RulesInvalid\("(\w+)"', source)) | {"empty", "bad_type"}
    for lang in LANGUAGES:
        known = {key.removeprefix("alerts.invalid.") for key in texts(lang) if key.startswith("alerts.invalid.")}
        assert known == codes


@pytest.mark.parametrize(
    ("first", "last", "at", "holds"),
    [
        ("22:00", "07:30", "21:59", False),
        ("22:00", "07:30", "22:00", True),
        ("22:00", "07:30", "03:00", True),
        ("22:00", "07:30", "07:29", True),
        ("22:00", "07:30", "07:30", False),
        ("12:00", "14:00", "13:00", True),
        ("12:00", "14:00", "14:00", False),
        ("12:00", "14:00", "03:00", False),
    ],
)
def test_quiet_hours_may_pass_midnight(first: str, last: str, at: str, holds: bool) -> None:
    quiet = rules.Quiet(time.fromisoformat(first), time.fromisoformat(last), frozenset())
    assert quiet.holds(time.fromisoformat(at)) is holds
