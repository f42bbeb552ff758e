"""Team: who needs support and who deserves praise, compared fairly: never a raw league table."""

from dashboard import boards, cards, explore, parts, staff
from dashboard.session import current

SHOWN = (
    "capability_pass_rate",
    "assessed_pass_rate",
    "manager_pass_rate",
    "qa_pass_rate",
    "solved_per_staffed_hour",
    "tool_usage_rate",
    "knowledge_link_rate",
    "drill_participation_rate",
    "training_effect_csat",
)

view = current()
parts.title(view, "team")
cards.wall(view, SHOWN)

parts.section(view, "funnel")
staff.funnel(view)

staff.stars(view, "service_stars")
staff.stars(view, "engineer_stars")

boards.tables(
    view, "team_scorecard", "service_spread", "arrivals_and_staffing", "new_staff_ramp",
    "training_effect_csat_by_month", "training_effect_solves_by_month", "scores_360",
)  # fmt: skip

boards.all_kpis(view, "team", SHOWN)

parts.section(view, "explore")
explore.trend_and_groups(view, "team", SHOWN, ("team", "region", "outlet", "role"))
