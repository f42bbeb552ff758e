"""Overview: how is service doing, from efficiency over satisfaction to business results?"""

import streamlit as st

from dashboard import boards, cards, explore, findings, parts
from dashboard.session import current

# The metric tree: fast and right first time -> satisfied customers -> customers who stay.
TREE = {
    "efficiency": (
        "first_response_time",
        "sla_response_met",
        "resolution_time",
        "sla_resolution_met",
        "first_fix_rate",
        "dispatch_within_1h",
        "reopen_rate",
        "backlog",
        "ticket_volume",
    ),
    "satisfaction": (
        "csat",
        "nps",
        "survey_response_rate",
        "complaint_closure_rate",
        "complaint_within_24h",
        "complaint_volume",
    ),
    "business": ("repurchase_90d", "repurchase_365d", "churn_365d", "order_volume"),
}

view = current()
parts.title(view, "overview")
summary = st.container()
view.ahead(cards.questions(view, [kpi_id for kpi_ids in TREE.values() for kpi_id in kpi_ids]))
shown: list[cards.Card] = []
for branch, kpi_ids in TREE.items():
    parts.section(view, f"overview_{branch}")
    shown += cards.wall(view, kpi_ids)

parts.section(view, "explore")
explore.trend_and_groups(view, "overview", [kpi_id for kpi_ids in TREE.values() for kpi_id in kpi_ids])

boards.tables(view, "waiting_stages", "volume_forecast")

# Last, since the tiles must not wait for it: it sets every region and product against all others.
with summary:
    explore.attention(view, shown)
    left, right = st.columns(2, gap="medium")
    with left:
        findings.stand_out(view)
    with right:
        findings.moved(view, shown)
