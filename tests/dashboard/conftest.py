"""Pages opened as Streamlit opens them, on a read side that answers at once."""

from collections.abc import Callable
from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from dashboard import session
from tests.dashboard.fakes import FakeQuery

APP = Path(session.__file__).parent / "app.py"

OpenPage = Callable[..., AppTest]


@pytest.fixture
def fake_query(monkeypatch: pytest.MonkeyPatch) -> FakeQuery:
    fake = FakeQuery()
    monkeypatch.setattr(session, "query", fake)
    st.cache_data.clear()
    return fake


@pytest.fixture
def open_page(fake_query: FakeQuery) -> OpenPage:
    """open_page("response", lang="en", region="北京") runs the app on that page with that link."""

    def open_(name: str = "overview", **link: str | list[str]) -> AppTest:
        app = AppTest.from_file(str(APP), default_timeout=60)
        for key, value in link.items():
            app.query_params[key] = value
        app.run()
        if name != "overview":
            app.switch_page(f"app_pages/{name}.py")
            app.run()
        return app

    return open_
