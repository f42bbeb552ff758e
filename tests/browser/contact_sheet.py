"""All pages in both languages, light and dark, wide and narrow, as pictures on one sheet to look through.

    python -m tests.browser.contact_sheet HOME FOLDER

Writes FOLDER/<page>-<lang>-<scheme>-<width>.png and FOLDER/index.html, which shows them beside each other.
"""

import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

from tests.browser.conftest import FLAGS, Reader, Serve, chromium
from tests.browser.test_dashboard import PAGES

WIDTHS = (1_440, 390)
SCHEMES = ("light", "dark")
LANGUAGES = ("zh", "en")
TALLEST = 9_000


def take(home: Path, folder: Path) -> list[Path]:
    """Take every picture; says what it found wrong on the way."""
    folder.mkdir(parents=True, exist_ok=True)
    servers, taken = Serve(), []
    try:
        with sync_playwright() as driver:
            browser = driver.chromium.launch(executable_path=chromium(), args=FLAGS)
            for width in WIDTHS:
                for scheme in SCHEMES:
                    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
                    reader = Reader(context.new_page(), servers(home))
                    for lang in LANGUAGES:
                        taken += [_picture(reader, page, lang, scheme, width, folder) for page in PAGES]
                    context.close()
            browser.close()
    finally:
        servers.stop()
    return taken


def _picture(reader: Reader, page: str, lang: str, scheme: str, width: int, folder: Path) -> Path:
    reader.page.set_viewport_size({"width": width, "height": 900})
    reader.open(f"{page}?lang={lang}")
    height = int(reader.page.evaluate("() => document.querySelector('[data-testid=stMain]').scrollHeight"))
    reader.page.set_viewport_size({"width": width, "height": min(height + 40, TALLEST)})
    reader.page.wait_for_timeout(1_200)
    file = folder / f"{page or 'overview'}-{lang}-{scheme}-{width}.png"
    reader.page.screenshot(path=str(file))
    if reader.errors or reader.overflow > 0:
        sys.stderr.write(f"{file.name}: errors {reader.errors}, {reader.overflow} px too wide\n")
    return file


def sheet(pictures: list[Path], folder: Path) -> Path:
    """One page that shows all pictures."""
    cells = "\n".join(
        f'<figure><a href="{one.name}"><img src="{one.name}" loading="lazy" width="360"></a>'
        f"<figcaption>{one.stem}</figcaption></figure>"
        for one in sorted(pictures)
    )
    style = "body{font:13px sans-serif;display:flex;flex-wrap:wrap;gap:12px}figure{margin:0;border:1px solid #ccc}"
    file = folder / "index.html"
    file.write_text(f"<!doctype html><meta charset=utf-8><style>{style}</style>{cells}", encoding="utf-8")
    return file


if __name__ == "__main__":
    home, folder = (Path(argument).resolve() for argument in sys.argv[1:3])
    sys.stdout.write(f"{sheet(take(home, folder), folder)}\n")
