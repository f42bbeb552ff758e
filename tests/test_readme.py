"""The README's two commands are what a stranger types: they must stand there, and work."""

import json
import os
import re
import shutil
import stat
import subprocess
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
DEMO = "python3 -m venv .venv && .venv/bin/pip install -q -c constraints.txt -e . && .venv/bin/aftercare demo"
TESTS = (
    "python3 -m venv .venv && .venv/bin/pip install -q -c constraints.txt -e '.[test,spark,auth]'"
    ' && .venv/bin/pytest -n auto --dist loadfile -m "not soak"'
)


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def copy_as_cloned(destination: Path) -> None:
    """Copy what git would carry: a ready-made environment or an old warehouse must not come along."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).is_file():  # a file deleted but not yet committed is still listed
            target = destination / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, target)


def test_the_readme_has_exactly_its_two_commands() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert re.findall(r"^```sh\n(.*?)\n```$", text, flags=re.MULTILINE | re.DOTALL) == [DEMO, TESTS]


def test_ci_runs_the_second_command_word_for_word() -> None:
    script = ROOT / ".ci" / "run"
    commands = [line for line in script.read_text(encoding="utf-8").splitlines() if not line.startswith("#")]
    # In an "and" list bash's -e lets a failure pass, hence the exit.
    assert f"{TESTS} || exit 1" in commands
    assert script.stat().st_mode & stat.S_IXUSR


def test_every_constraint_is_one_exact_version() -> None:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pins = [line for line in lines if not line.startswith("#")]
    assert [line for line in pins if not re.fullmatch(r"[\w.-]+==[\w.+!]+", line)] == []


def test_everything_the_project_asks_for_is_pinned() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    asked = [*project["dependencies"], *(one for extra in project["optional-dependencies"].values() for one in extra)]
    pinned = {
        canonical(line.partition("==")[0])
        for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
        if not line.startswith("#")
    }
    assert {canonical(re.split(r"[\[<>=!~; ]", one)[0]) for one in asked} <= pinned


@pytest.mark.slow
def test_the_first_command_works_in_a_fresh_copy(tmp_path: Path) -> None:
    """Samples, the whole night with its gates, then a number: the README's promise."""
    copy = tmp_path / "aftercare"
    copy_as_cloned(copy)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AFTERCARE_")}

    def typed(command: str) -> str:
        done = subprocess.run(
            ["bash", "-c", command],
            cwd=copy,
            env=environment,
            capture_output=True,
            text=True,
            timeout=1200,
            check=False,
        )
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
        return done.stdout

    # Fewer tickets than a reader gets: how many there are is no part of the promise.
    assert "published" in typed(f"{DEMO} --no-serve --tickets 200 --lang en")
    assert (copy / "demo" / "published.json").is_file()
    answer = typed(".venv/bin/aftercare kpi ticket_volume --format json --home demo")
    assert json.loads(answer)[0]["value"] > 0
    assert "Nothing new" in typed(".venv/bin/aftercare demo --no-serve --lang en")
