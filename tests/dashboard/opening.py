"""Opening a page as a link would."""

from pathlib import Path

from streamlit.testing.v1 import AppTest

from dashboard import session

APP = Path(session.__file__).parent / "app.py"


def open_app(name: str = "overview", **link: str | list[str]) -> AppTest:
    """The app on a page with what the link's address says, after its script has run."""
    app = AppTest.from_file(str(APP), default_timeout=120)
    for key, value in link.items():
        app.query_params[key] = value
    app.run()
    if name != "overview":
        app.switch_page(f"app_pages/{name}.py")
        app.run()
    return app
