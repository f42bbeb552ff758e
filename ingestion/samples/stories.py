"""What a reader should discover in the samples. The constants are the truth; the pages must reveal it.

1. SLOW_REGION is about SLOW_FACTOR times slower, in first response and in resolution, in one quarter: the third
   full calendar quarter counted back from the last day of the export. Its satisfaction dips with it.
2. REPEAT_PRODUCT is often not repaired at the first visit and comes back within 30 days far more than the rest.
3. VIP churn rises through the first year and falls through the second (VIP_CHURN_YEARLY).
4. Weekend chat is answered WEEKEND_CHAT_FACTOR times slower.
"""

from datetime import date, timedelta
from typing import Final

SLOW_REGION: Final = "四川"
SLOW_FACTOR: Final = 3.0
SLOW_QUARTERS_BACK: Final = 3

REPEAT_PRODUCT: Final = "P-FW02"
REPEAT_WEIGHT: Final = 6.0  # how much likelier its repairs are to come back
REPEAT_FIXED_AT_FIRST_VISIT: Final = 0.60

# Yearly churn of VIP customers before the two years, then as (share of the two years gone by, rate). The fall
# is steep: a rate over 365 days sees only the first half of it in full.
VIP_CHURN_BEFORE: Final = 0.04
VIP_CHURN_YEARLY: Final = ((0.0, 0.03), (0.45, 0.16), (0.7, 0.05), (1.0, 0.02))

WEEKEND_CHAT_FACTOR: Final = 2.0


def slow_quarter(until: date) -> tuple[date, date]:
    """First and last day of the quarter in which SLOW_REGION was slow."""
    after = until + timedelta(days=1)
    months = after.year * 12 + (after.month - 1) // 3 * 3 - 3 * SLOW_QUARTERS_BACK
    return _month_start(months), _month_start(months + 3) - timedelta(days=1)


def _month_start(months: int) -> date:
    return date(months // 12, months % 12 + 1, 1)
