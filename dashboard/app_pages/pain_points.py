"""Pain points: what was found, who mends it, and what the mending has measurably done."""

from dashboard import boards, cards, goals, parts
from dashboard.session import current

view = current()
parts.title(view, "pain_points")
cards.wall(view, ("pain_point_improvement_rate", "unacted_signal_rate", "feedback_loop_48h"))

parts.section(view, "effects")
goals.effects(view, "pain_point_ledger")

boards.tables(view, "pain_point_ledger", "complaint_topics", "touchpoint_pareto", "scene_tier_pareto")
