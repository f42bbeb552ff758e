"""Pages opened as Streamlit opens them, on a read side that answers at once; the command line and a home for it."""

import sys
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from dashboard import cli, kept, session
from ingestion.samples import write_samples
from tests.dashboard.asked import Answer
from tests.dashboard.fakes import FakeQuery
from tests.dashboard.opening import open_app
from tests.gates import open_gate

OpenPage = Callable[..., AppTest]


@pytest.fixture
def fake_query(monkeypatch: pytest.MonkeyPatch) -> FakeQuery:
    fake = FakeQuery()
    for module in ("query", "passports", "restatements", "bounds", "change"):
        monkeypatch.setattr(session, module, fake)
    st.cache_data.clear()
    kept.frames.clear()
    return fake


@pytest.fixture
def open_page(fake_query: FakeQuery) -> OpenPage:
    """open_page("response", lang="en", region="北京") runs the app on that page with that link."""
    return open_app


@pytest.fixture
def aftercare(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Callable[..., Answer]:
    """Run `aftercare ARGUMENTS` in this process."""

    def run(*arguments: object) -> Answer:
        monkeypatch.setattr(sys, "argv", ["aftercare", *map(str, arguments)])
        capfd.readouterr()
        try:
            cli.main()
            code = 0
        except SystemExit as end:
            code = int(end.code or 0)
        said = capfd.readouterr()
        return Answer(code, said.out, said.err)

    return run


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with small samples published by the real models; the gate itself has tests of its own."""
    from ingestion import pipeline
    from ingestion.settings import Settings

    root = tmp_path_factory.mktemp("cli")
    write_samples(root / "exports", tickets=300, until=date(2025, 5, 31), optional=False)
    with open_gate():
        outcome = pipeline.run(root / "exports", Settings(home=root / "home", settle_seconds=0))
    assert outcome.verdict == "published", outcome.findings
    return root / "home"
