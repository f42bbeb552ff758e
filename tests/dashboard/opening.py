"""Opening a page as a link would."""

from pathlib import Path

from streamlit.testing.v1 import AppTest

from dashboard import session

APP = Path(session.__file__).parent / "app.py"


def open_app(name: str = "overview", **link: str | list[str]) -> AppTest:
    """The app on a page with what the link's address says, after its script has run."""
    app = AppTest.from_file(str(APP), default_timeout=120)
    _address(app, link)
    app.run()
    if name != "overview":
        app.switch_page(f"app_pages/{name}.py")
        # The overview has taken out what it does not know.
        _address(app, link)
        app.run()
    return app


def _address(app: AppTest, link: dict[str, str | list[str]]) -> None:
    for key, value in link.items():
        app.query_params[key] = value
