"""The units for cron, systemd and a container: what they say is understood, and their commands run."""

from __future__ import annotations

import configparser
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from dashboard import cli
from dashboard.commands import serve, shared
from tests.dashboard.asked import REPOSITORY

if TYPE_CHECKING:
    from pathlib import Path

UNITS = REPOSITORY / "dashboard" / "units"
PROGRAM = "/opt/aftercare/.venv/bin/aftercare"
SERVICES = sorted(file.name for file in UNITS.glob("*.service"))
TIMERS = sorted(file.name for file in UNITS.glob("*.timer"))
CRON_FIELD = re.compile(r"(\*|\d+)(/\d+)?")
LIMITS = (59, 23, 31, 12, 7)


class Unit(configparser.RawConfigParser):
    """A systemd unit: keys are case-sensitive, and may repeat."""

    def optionxform(self, optionstr: str) -> str:
        return optionstr


def unit(name: str) -> Unit:
    parser = Unit(strict=False)
    parser.read_string((UNITS / name).read_text(encoding="utf-8"))
    return parser


def cron_lines() -> list[tuple[list[str], str, str]]:
    """When, who and what of every line."""
    text = (UNITS / "aftercare.cron").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if line and not line.startswith("#") and not re.match(r"\w+=", line)]
    found = [line.split(maxsplit=6) for line in lines]
    return [(line[:5], line[5], line[6]) for line in found]


def container() -> list[tuple[str, str]]:
    lines = (UNITS / "Containerfile").read_text(encoding="utf-8").splitlines()
    return [tuple(line.split(maxsplit=1)) for line in lines if line and not line.startswith("#")]  # type: ignore[misc]


def understood(arguments: list[str]) -> None:
    """The command line takes these arguments; fails where it would not."""
    name, *rest = arguments
    cli.command(name).commands[name].make_context(name, rest).close()


@pytest.fixture
def machine(tmp_path: Path) -> dict[str, str]:
    """Stand-ins for the paths that the units name."""
    program = tmp_path / "aftercare"
    program.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m dashboard.cli "$@"\n', encoding="utf-8")
    program.chmod(0o755)
    (tmp_path / "exports").mkdir()
    return {
        PROGRAM: str(program),
        "/srv/exports": str(tmp_path / "exports"),
        "/var/lib/aftercare": str(tmp_path / "home"),
    }


def ran(script: str, machine: dict[str, str]) -> subprocess.CompletedProcess[str]:
    for path, stand_in in machine.items():
        script = script.replace(path, stand_in)
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AFTERCARE_")}
    ours = {"AFTERCARE_HOME": machine["/var/lib/aftercare"], "PYTHONPATH": str(REPOSITORY), "LANG": "C"}
    return subprocess.run(
        ["/bin/sh", "-c", script],
        env={**kept, **ours},
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_cron_understands_its_lines() -> None:
    assert len(cron_lines()) == 3
    for when, who, what in cron_lines():
        assert who == "aftercare"
        assert "%" not in what, "cron takes % for the end of the line"
        for field, limit in zip(when, LIMITS, strict=True):
            told = CRON_FIELD.fullmatch(field)
            assert told is not None, field
            assert all(int(number) <= limit for number in re.findall(r"\d+", field))


@pytest.mark.slow
def test_crons_lines_are_silent_unless_something_is_wrong(machine: dict[str, str]) -> None:
    (_, _, night), (_, _, look), (_, _, send) = cron_lines()
    done = ran(night, machine)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert "Nothing is published" in ran(look, machine).stdout
    assert (ran(send, machine).stdout, ran(send, machine).stderr) == ("", "")
    elsewhere = {**machine, "/srv/exports": f"{machine['/srv/exports']}-that-are-not-there"}
    assert "that-are-not-there" in ran(night, elsewhere).stdout


@pytest.mark.slow
def test_crons_night_says_where_another_one_does_the_work(machine: dict[str, str]) -> None:
    from filelock import FileLock

    home = machine["/var/lib/aftercare"]
    os.mkdir(home)
    with FileLock(f"{home}/run.lock"):
        done = ran(cron_lines()[0][2], machine)
    assert home in done.stdout
    assert done.stderr == ""


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_calls_a_command_that_there_is(name: str) -> None:
    service = unit(name)["Service"]
    program, *arguments = shlex.split(service["ExecStart"])
    assert program == PROGRAM
    if arguments[0] == "run":
        arguments[1] = str(REPOSITORY)
    understood(arguments)


@pytest.mark.slow
def test_the_nightly_service_ends_well_where_nothing_is_new(machine: dict[str, str]) -> None:
    done = ran(unit("aftercare-run.service")["Service"]["ExecStart"], machine)
    assert done.returncode == shared.PUBLISHED, done.stderr


@pytest.mark.parametrize("name", TIMERS)
def test_every_timer_has_its_service(name: str) -> None:
    assert name.replace(".timer", ".service") in SERVICES
    assert unit(name)["Install"]["WantedBy"] == "timers.target"


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd here")
def test_systemd_understands_the_units(tmp_path: Path) -> None:
    for name in (*SERVICES, *TIMERS):
        text = (UNITS / name).read_text(encoding="utf-8")
        # It looks whether the program is there, and stands in for the user and folders of the machine.
        (tmp_path / name).write_text(text.replace(PROGRAM, "/bin/true"), encoding="utf-8")
    done = subprocess.run(
        ["systemd-analyze", "verify", *(str(tmp_path / name) for name in (*SERVICES, *TIMERS))],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    ours = [line for line in done.stderr.splitlines() if "aftercare" in line]
    assert (done.returncode, ours) == (0, [])
    when = unit("aftercare-run.timer")["Timer"]["OnCalendar"]
    subprocess.run(["systemd-analyze", "calendar", when], check=True, capture_output=True, timeout=60)


def test_the_container_is_made_of_what_is_there() -> None:
    steps = container()
    known = {"FROM", "WORKDIR", "COPY", "RUN", "USER", "ENV", "VOLUME", "EXPOSE", "HEALTHCHECK", "ENTRYPOINT", "CMD"}
    assert {name for name, _ in steps} <= known
    copied = [source for name, rest in steps if name == "COPY" for source in rest.split()[:-1]]
    assert [source for source in copied if not (REPOSITORY / source).exists()] == []
    assert {"dashboard", "data_checks", "ingestion", "sql", "pyproject.toml", "constraints.txt"} <= set(copied)
    assert any("pip install" in rest and "-c constraints.txt" in rest for name, rest in steps if name == "RUN")
    version = next(rest for name, rest in steps if name == "FROM").partition(":")[2].partition("-")[0]
    assert tuple(map(int, version.split("."))) >= (3, 11)
    # Never as root.
    assert [name for name, _ in steps].index("USER") < [name for name, _ in steps].index("ENTRYPOINT")


def test_the_containers_commands_are_understood_and_its_dashboard_asks_for_a_login() -> None:
    steps = dict(container())
    assert json.loads(steps["ENTRYPOINT"]) == ["aftercare"]
    arguments = json.loads(steps["CMD"])
    understood(arguments)
    assert not serve.is_loopback(arguments[arguments.index("--address") + 1])
    assert "--no-auth" not in arguments
    assert steps["EXPOSE"] == str(serve.PORT)
    probe = json.loads(steps["HEALTHCHECK"].partition("CMD ")[2])
    compile(probe[2], "HEALTHCHECK", "exec")
    assert f":{serve.PORT}/_stcore/health" in probe[2]


def test_the_units_are_named_in_the_manual_and_shipped() -> None:
    manual = (REPOSITORY / "README.md").read_text(encoding="utf-8")
    assert "dashboard/units" in manual
    shipped = (REPOSITORY / "pyproject.toml").read_text(encoding="utf-8")
    suffixes = {f"units/*{file.suffix}" if file.suffix else f"units/{file.name}" for file in UNITS.iterdir()}
    assert {suffix for suffix in suffixes if suffix not in shipped} == set()
