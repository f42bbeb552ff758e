"""First fix and repair chain: are things mended on the first visit, and where does the chain break?"""

import streamlit as st

from dashboard import boards, cards, charts_counts, explore, parts, shapes, theme
from dashboard.session import current

SHOWN = ("first_fix_rate", "repeat_repair_30d", "dispatch_within_1h", "first_contact_resolution", "reopen_rate")

view = current()
parts.title(view, "first_fix")
cards.wall(view, SHOWN)

if parts.needs(view, "tickets", "visits"):
    left, right = st.columns(2, gap="medium")
    with left:
        parts.section(view, "chain")
        parts.chart(
            view,
            shapes.chain(view.sums("mart_repair_chain"), lambda stage: view.t(f"chain.{stage}")),
            lambda steps: charts_counts.funnel(steps, view.lang, view.t),
        )
    with right:
        parts.section(view, "not_fixed")
        parts.chart(
            view,
            shapes.labelled(
                shapes.not_fixed(view.sums("mart_visit_results", by=("result", "visit_no_group"))),
                "result",
                lambda result: view.labels.value("result", result),
            ),
            lambda counts: charts_counts.ranked_counts(counts, "result", view.lang, view.t, colour=theme.ORANGE),
        )

    parts.section(view, "first_fix_trend")
    explore.trend(view, view.kpi("first_fix_rate"))

    parts.section(view, "repeat_by_product")
    explore.groups(view, view.kpi("repeat_repair_30d"), "product")

    boards.tables(view, "repair_chain_stages", "repair_chain_breaks", "outlet_coverage")

    parts.section(view, "explore")
    explore.trend_and_groups(
        view, "first_fix", ("first_fix_rate", "dispatch_within_1h", "repeat_repair_30d", "first_contact_resolution")
    )

boards.all_kpis(view, "repair", SHOWN)
