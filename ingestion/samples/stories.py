"""What a reader should discover in the samples. A seed draws who and when; the pages must reveal it.

1. One region is about SLOW_FACTOR times slower, in first response and in resolution, in one full calendar quarter.
   Its satisfaction dips with it.
2. One product is often not repaired at the first visit and comes back within 30 days far more than the rest.
3. VIP churn rises through the first year, peaks, and falls steeply: a rate over 365 days sees only the first half
   of the fall in full.
4. Weekend chat is answered WEEKEND_CHAT_FACTOR times slower, whatever the seed.
"""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

import numpy as np

from ingestion.samples.catalogue import PRODUCTS
from ingestion.samples.draw import subject_rng
from ingestion.samples.places import PROVINCES

SLOW_FACTOR: Final = 3.0
SLOW_QUARTERS_BACK: Final = (2, 3)  # full quarters before the one that the export ends in

REPEAT_WEIGHT: Final = 6.0  # how much likelier its repairs are to come back
REPEAT_FIXED_AT_FIRST_VISIT: Final = 0.60

# Yearly churn of VIP customers before the two years, then as (share of the two years gone by, rate).
VIP_CHURN_BEFORE: Final = 0.04
VIP_PEAKS: Final = (0.38, 0.5)

WEEKEND_CHAT_FACTOR: Final = 2.0

# Large enough that a few thousand tickets tell the story.
_REGIONS: Final = tuple(place for place in PROVINCES if place.weight >= 4.4)
_PRODUCTS: Final = tuple(number for number, product in enumerate(PRODUCTS) if product.popularity >= 5)


@dataclass(frozen=True)
class Stories:
    """Who is slow when, what comes back, and when most VIP customers leave.

    repeat_product: its number in the catalogue. vip_churn: (share of the two years gone by, yearly rate).
    """

    slow_region: str
    slow_city: str
    slow_first: date
    slow_last: date
    repeat_product: int
    vip_churn: tuple[tuple[float, float], ...]


def draw_stories(seed: int, until: date) -> Stories:
    """The stories of a seed for an export that ends on `until`."""
    rng = subject_rng(seed, "stories")
    place = _REGIONS[int(rng.integers(len(_REGIONS)))]
    first, last = _quarter(until, int(rng.choice(np.array(SLOW_QUARTERS_BACK))))
    peak = float(rng.uniform(*VIP_PEAKS))
    return Stories(
        slow_region=place.name,
        slow_city=place.cities[0],
        slow_first=first,
        slow_last=last,
        repeat_product=_PRODUCTS[int(rng.integers(len(_PRODUCTS)))],
        vip_churn=((0.0, 0.03), (peak, 0.30), (peak + 0.25, 0.05), (1.0, 0.02)),
    )


def _quarter(until: date, back: int) -> tuple[date, date]:
    """First and last day of a full quarter, counted back from the one that `until` ends or lies in."""
    after = until + timedelta(days=1)
    months = after.year * 12 + (after.month - 1) // 3 * 3 - 3 * back
    return _month_start(months), _month_start(months + 3) - timedelta(days=1)


def _month_start(months: int) -> date:
    return date(months // 12, months % 12 + 1, 1)
