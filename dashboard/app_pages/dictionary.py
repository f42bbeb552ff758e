"""KPI dictionary: what does each number mean, exactly?"""

import streamlit as st

from dashboard import drill, parts, search
from dashboard.session import current
from ingestion.warehouse.kpis import load_kpis

view = current()
parts.title(view, "dictionary", is_filtered=False)
wanted = st.text_input(
    view.t("dictionary.search"), placeholder=view.t("dictionary.search_hint"), key="dictionary_search"
)
found = search.kpis(load_kpis().values(), wanted)
st.caption(view.t("dictionary.found", count=len(found)))
for kpi in found:
    drill.entry(view, kpi)
