"""KPI dictionary: what does each number mean, exactly?"""

import streamlit as st

from dashboard import dictionary, parts, search
from dashboard.session import current

view = current()
parts.title(view, "dictionary", is_filtered=False)
wanted = st.text_input(
    view.t("dictionary.search"), placeholder=view.t("dictionary.search_hint"), key="dictionary_search"
)
# One area at a time: two hundred folded entries take seconds to draw. A search looks through all of them.
area = parts.area(view, "dictionary_area")
found = search.entries(dictionary.everything(), wanted, None if wanted else area)
st.caption(view.t("dictionary.found", count=len(found)))
for one in found:
    dictionary.entry(view, one)
dictionary.coverage(view)
