"""Data quality and loads: may tonight's numbers be trusted, and what was held back, and why?"""

from dashboard import charts, parts, quality, theme
from dashboard.session import current

view = current()
parts.title(view, "data_quality")
quality.summary(view)

parts.section(view, "loads")
quality.loads(view)

parts.section(view, "quarantine")
parts.chart(
    view,
    quality.reasons(view),
    lambda counts: charts.ranked_counts(counts, "reason", view.lang, view.t, colour=theme.ORANGE),
)
quality.advice(view)

parts.section(view, "checks")
quality.checks(view)

parts.section(view, "findings")
quality.findings(view)

parts.section(view, "runs")
quality.runs(view)

parts.section(view, "connected")
quality.datasets(view)
