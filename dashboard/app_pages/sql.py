"""SQL: for who wants to ask the snapshot in her own words."""

from dashboard import console, parts
from dashboard.session import current

view = current()
parts.title(view, "sql", is_filtered=False)
console.show(view)
