"""Care and points: are VIP and ordinary customers looked after as promised, and does it show?"""

import streamlit as st

from dashboard import boards, cards, explore, parts
from dashboard.session import current

SHOWN = (
    "vip_in_person_contacts",
    "vip_response_advantage",
    "account_manager_coverage",
    "inspections_on_time",
    "active_customer_rate",
    "care_reach_rate",
    "coupon_effect_30d",
    "points_enrolment_rate",
    "points_redemption_rate",
)

view = current()
parts.title(view, "care")
cards.wall(view, SHOWN)

left, right = st.columns(2, gap="medium")
with left:
    boards.tables(view, "points_by_reason")
with right:
    boards.tables(view, "points_liability")
boards.tables(view, "tickets_per_asset_by_participation", "service_by_tier")

boards.all_kpis(view, "care", SHOWN)

parts.section(view, "explore")
explore.trend_and_groups(view, "care", SHOWN)
