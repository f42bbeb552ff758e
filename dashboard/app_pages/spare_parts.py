"""Parts and proactive service: is the part there when it is needed, and does the device call before the customer?"""

from dashboard import boards, cards, explore, parts
from dashboard.session import current

SHOWN = (
    "part_fill_rate",
    "waiting_part_visit_rate",
    "genuine_part_rate",
    "in_warranty_ticket_rate",
    "replacement_rate_first_year",
    "replacement_time",
    "proactive_ticket_rate",
    "alert_first_share",
    "alert_lead_time",
    "false_alert_rate",
)

view = current()
parts.title(view, "spare_parts")
cards.wall(view, SHOWN)

if parts.needs(view, "parts_usage"):
    parts.section(view, "fill_by_product")
    explore.groups(view, view.kpi("part_fill_rate"), "product")

boards.all_kpis(view, "parts", SHOWN)

parts.section(view, "explore")
explore.trend_and_groups(view, "spare_parts", SHOWN)
