"""Every page under every filter, and random views: no error on the page, none in the browser's console.

AFTERCARE_TEST_COMBOS says how many random views; 30 before a release.
"""

import os
from datetime import UTC, date, datetime, timedelta
from random import Random
from urllib.parse import urlencode

import pytest

from dashboard import filters, periods
from tests.browser.conftest import ReaderAt
from tests.browser.test_dashboard import PAGES

pytestmark = [pytest.mark.browser, pytest.mark.slow]

COMBOS = int(os.environ.get("AFTERCARE_TEST_COMBOS", "6"))
LAST: date = (datetime.now(UTC) - timedelta(days=1)).date()
VALUES = {
    "area": ["华东", "西南", "unknown"],
    "region": ["北京", "四川", "unknown"],
    "tier": ["vip", "gold", "unknown"],
    "channel": ["chat", "phone", "email"],
    "customer_type": ["business", "consumer"],
    "product": ["澄泉厨下净水器", "unknown"],
}
FILTERS: list[dict[str, object]] = [
    *({name: values[0]} for name, values in VALUES.items()),
    *({"period": preset} for preset in periods.PRESETS if preset != "custom"),
    {"period": "custom", "from": str(LAST - timedelta(days=3)), "to": str(LAST)},
    *({"compare": name} for name in periods.COMPARISON_CHOICES),
    # Of no row at all, and no word of ours.
    {"region": "没有这个地区"},
]


def test_every_filter_is_known_here() -> None:
    assert set(VALUES) == set(filters.DIMENSIONS)


def test_each_filter_once_and_no_error_anywhere(reader: ReaderAt) -> None:
    """Page after page, each under another filter: every filter is met, and every page under some."""
    screen = reader()
    pages = [PAGES[number % len(PAGES)] for number in range(max(len(FILTERS), len(PAGES)))]
    for number, page in enumerate(pages):
        link = {**FILTERS[number % len(FILTERS)], "lang": ("zh", "en")[number % 2]}
        screen.open(f"{page}?{urlencode(link)}")
        assert (screen.errors, screen.faults) == ([], []), (page, link)


@pytest.mark.parametrize("number", range(COMBOS))
def test_a_random_view_is_no_error_in_the_browser(reader: ReaderAt, number: int) -> None:
    random = Random(number)
    link: dict[str, object] = {
        "lang": random.choice(["zh", "en"]),
        "period": random.choice([preset for preset in periods.PRESETS if preset != "custom"]),
        "compare": random.choice(periods.COMPARISON_CHOICES),
    }
    for name in random.sample(sorted(VALUES), random.randint(0, 3)):
        link[name] = random.sample(VALUES[name], random.randint(1, 2))
    page = random.choice(PAGES)
    screen = reader(random.choice([390, 1_440])).open(f"{page}?{urlencode(link, doseq=True)}")
    assert (screen.errors, screen.faults) == ([], []), (page, link)
