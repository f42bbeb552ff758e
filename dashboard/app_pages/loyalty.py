"""Repurchase and churn: do served customers come back, and who is leaving?"""

import streamlit as st

from dashboard import boards, cards, charts, charts_grids, customer, explore, parts, shapes
from dashboard.session import current

SHOWN = ("repurchase_90d", "repurchase_180d", "repurchase_365d", "churn_365d", "order_volume")

view = current()
parts.title(view, "loyalty")
cards.wall(view, SHOWN)

if parts.needs(view, "orders"):
    parts.section(view, "cohorts")
    parts.chart(
        view,
        shapes.cohorts(view.sums("mart_repurchase_cohorts", by=("months_since",), period="month"), view.last_date),
        lambda cells: charts_grids.cohorts(cells, view.lang, view.t),
    )

    parts.section(view, "repurchase_curve")
    parts.chart(
        view,
        shapes.thinned(view.curve(view.kpi("repurchase_365d"), "tier"), by=("tier",), last=shapes.YEAR),
        lambda curves: charts.survival(
            curves, view.lang, view.t, series="tier", order=view.labels.tiers(), falls=False,
            x_title=view.t("chart.since_order"), y_title=view.t("chart.repurchased"),
        ),
    )  # fmt: skip

    left, right = st.columns(2, gap="medium")
    with left:
        parts.section(view, "churn_by_tier")
        explore.groups(view, view.kpi("churn_365d"), explore.tier_basis(view, "loyalty"))
    with right:
        parts.section(view, "churn_curve")
        if parts.splits(view, view.kpi("churn_365d")):
            parts.chart(
                view,
                shapes.thinned(view.curve(view.kpi("churn_365d"), "tier"), by=("tier",), last=shapes.YEAR),
                lambda curves: charts.survival(
                    curves, view.lang, view.t, series="tier", order=view.labels.tiers(),
                    x_title=view.t("chart.since_start"), y_title=view.t("chart.still_active"),
                ),
            )  # fmt: skip

    parts.section(view, "churn_trend")
    explore.tier_trend(view, view.kpi("churn_365d"))

    parts.section(view, "tier_moves")
    parts.chart(
        view,
        shapes.moves(
            view.sums("mart_tier_moves", by=("tier_from", "tier_to")),
            lambda tier: view.labels.value("tier", tier),
        ),
        lambda cells: charts_grids.matrix(
            cells, view.lang, view.t, order=view.labels.tiers(),
            titles=(view.t("chart.tier_before"), view.t("chart.tier_after")),
        ),
    )  # fmt: skip

    boards.tables(view, "customer_value_24m")
    customer.listed(view)

    parts.section(view, "explore")
    explore.trend_and_groups(view, "loyalty", ("repurchase_90d", "repurchase_365d", "churn_365d", "order_volume"))

boards.all_kpis(view, "loyalty", SHOWN)
