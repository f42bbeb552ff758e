"""Colours and the little CSS the dashboard needs. Chosen to be told apart by colour-blind readers.

The hues are Okabe and Ito's, moved to mid tones that keep at least 2.9 : 1 against both the white and
the dark page. Better is blue and worse is orange: red and green are confused by one man in twelve,
and in China red also means "rising".
"""

from __future__ import annotations

from typing import Final

BLUE: Final = "#2F7EC0"
ORANGE: Final = "#D9772B"
GREEN: Final = "#1B9E77"
PINK: Final = "#C06BA6"
SKY: Final = "#56B4E9"
GOLD: Final = "#B8932A"
RED: Final = "#D1495B"
GREY: Final = "#8A8F98"
PALE: Final = "#B9BEC6"

CATEGORIES: Final = (BLUE, ORANGE, GREEN, PINK, GOLD, SKY, RED, GREY)

BETTER: Final = "blue"
WORSE: Final = "orange"
UNCLEAR: Final = "gray"

# The five fates of a promise. Light greys judge nobody: not due yet, or no promise was made.
SLA_COLOURS: Final = {
    "met": BLUE,
    "breached": ORANGE,
    "open_breach": RED,
    "not_due": PALE,
    "no_policy": GREY,
}

GRADE_COLOURS: Final = {"general": BLUE, "major": ORANGE, "unknown": PALE}
OUTCOME_COLOURS: Final = {"settled": BLUE, "unsettled": ORANGE, "maturing": PALE}
NPS_COLOURS: Final = {"promoter": BLUE, "passive": PALE, "detractor": ORANGE}
# From worst to best score: orange to blue through grey, so that the middle takes no side.
SCORE_COLOURS: Final = ("#C65D16", "#E3A15F", "#B9BEC6", "#7FB2DE", "#2F7EC0")

# Drawn here: an icon by name would be fetched from another company's server.
ICON: Final = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><rect width="32" height="32" rx="7" fill="#2F7EC0"/>'
    '<path d="M8 22V16M14 22V11M20 22V14M26 22V8" stroke="white" stroke-width="3.4" stroke-linecap="round"/></svg>'
)

# Streamlit's own components leave these to us: phones need the width, cards the density, figures their columns,
# a printed page neither menus nor the controls that made it. The table's own menu is left out: its CSV would let a
# customer's text start a formula; the page's download menu has the same table.
CSS: Final = """
<style>
.stMainBlockContainer {padding-top: 3.2rem; padding-bottom: 4rem; max-width: 1800px;}
h1 {font-size: 1.9rem !important; padding-bottom: 0.2rem !important;}
h3 {font-size: 1.2rem !important; padding-top: 1.4rem !important;}
.stMainBlockContainer {font-variant-numeric: tabular-nums;}
/* Streamlit fades captions to less contrast than small text may have. */
[data-testid="stCaptionContainer"] {opacity: 1 !important; color: inherit !important;}
[data-testid="stCaptionContainer"] p {color: color-mix(in srgb, currentcolor 76%, transparent);}
[data-testid="stDataFrame"] [data-testid="stElementToolbar"] button[aria-label*="CSV"] {display: none;}
@media (max-width: 640px) {
  .stMainBlockContainer {padding: 4.2rem 0.9rem 3rem;}
  h1 {font-size: 1.6rem !important;}
}
@media print {
  [data-testid="stSidebar"], [data-testid="stHeader"], .st-key-head, .st-key-filter_bar, .stButton
    {display: none !important;}
  .stMainBlockContainer {padding: 0 !important; max-width: none;}
  [class*="st-key-card_"], [data-testid="stDataFrame"], .vega-embed {break-inside: avoid;}
}
[class*="st-key-card_"] [data-testid="stMetricValue"] {font-size: 1.7rem; line-height: 1.25;}
[class*="st-key-card_"] [data-testid="stMetricValue"] > div {white-space: normal;}
[class*="st-key-card_"] [data-testid="stMetricLabel"] * {white-space: normal;}
[class*="st-key-card_"] [data-testid="stCaptionContainer"] p {margin-bottom: 0; font-size: 0.8rem; line-height: 1.45;}
</style>
"""
