"""Programme: from the frozen baseline to the goals of each stage, and whether a goal can be reached at all."""

from dashboard import boards, cards, goals, parts
from dashboard.session import current

SHOWN = ("scenes_passed", "pain_point_improvement_rate", "unacted_signal_rate", "monthly_figures_on_time")

view = current()
parts.title(view, "programme")
cards.wall(view, SHOWN)

parts.section(view, "goals")
goals.show(view)

boards.tables(view, "scene_progress", "pilot_effects")
goals.baseline_table(view)

boards.all_kpis(view, "programme", SHOWN)
