"""Data quality and loads: may tonight's numbers be trusted, and what was held back, and why?"""

from dashboard import last_night, lineage, parts, quality, quality_history
from dashboard.session import current

view = current()
parts.title(view, "data_quality", is_filtered=False)
quality.summary(view)

last_night.story(view)

parts.section(view, "loads")
quality.loads(view)

parts.section(view, "feeds")
quality_history.feeds(view)

parts.section(view, "quarantine")
quality.quarantine(view)
quality_history.held_rows(view)

parts.section(view, "disagreements")
quality.disagreements(view)

parts.section(view, "checks")
quality.checks(view)

parts.section(view, "failed_checks")
quality_history.failed_checks(view)
last_night.docs(view)

parts.section(view, "drift")
quality_history.drift(view)

parts.section(view, "volumes")
quality_history.volumes(view)

parts.section(view, "findings")
quality.findings(view)

quality.overrides(view)

parts.section(view, "runs")
quality.runs(view)

parts.section(view, "connected")
quality.datasets(view)

lineage.section(view)
