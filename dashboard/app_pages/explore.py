"""Explore: any KPI by up to two dimensions over any time, and where a change comes from."""

from dashboard import boards, explorer, parts
from dashboard.session import current

view = current()
parts.title(view, "explore")
asked = explorer.controls(view)
if parts.needs(view, *asked.kpi.datasets) and parts.splits(view, asked.kpi):
    explorer.answer(view, asked)
    explorer.why(view, asked)

boards.tables(view, "definition_comparator", "definition_differences")
