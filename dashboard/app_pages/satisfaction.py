"""Satisfaction: how content are customers, how many of them answered, and what drags the score down?"""

import streamlit as st

from dashboard import boards, cards, charts_counts, drivers, explore, parts, shapes, theme, voices
from dashboard.session import current

SHOWN = ("csat", "satisfaction_mean", "survey_response_rate", "nps")

view = current()
parts.title(view, "satisfaction")
cards.wall(view, SHOWN)

if parts.needs(view, "surveys", "survey_answers"):
    left, right = st.columns(2, gap="medium")
    with left:
        parts.section(view, "csat_trend")
        explore.trend(view, view.kpi("csat"))
    with right:
        parts.section(view, "response_rate_trend")
        explore.trend(view, view.kpi("survey_response_rate"))

    scores = view.sums("mart_survey_scores", by=("dimension", "score"))
    left, right = st.columns(2, gap="medium")
    with left:
        parts.section(view, "score_dimensions")
        parts.score_table(view, shapes.score_means(scores))
    with right:
        parts.section(view, "score_distribution")
        parts.chart(
            view,
            shapes.labelled(
                shapes.distribution(scores),
                "dimension",
                lambda dimension: view.labels.value("survey_dimension", dimension),
            ),
            lambda counts: charts_counts.score_bars(counts, view.lang, view.t),
        )

    parts.section(view, "nps_parts")
    parts.chart(
        view,
        shapes.nps_parts(scores),
        lambda counts: charts_counts.stacked(
            counts, "score", "part", theme.NPS_COLOURS, view.lang, view.t, is_time=False,
            part_labels={name: view.t(f"nps_parts.{name}") for name in theme.NPS_COLOURS},
        ),
    )  # fmt: skip

    explore.by_tier(view, "satisfaction", ("csat", "satisfaction_mean", "nps", "survey_response_rate"))

    parts.section(view, "drivers")
    drivers.show(view)

    voices.show(view)

    boards.tables(view, "satisfaction_by_survey_channel", "csat_weighted")

    parts.section(view, "explore")
    explore.trend_and_groups(view, "satisfaction", ("csat", "satisfaction_mean", "nps", "survey_response_rate"))

boards.all_kpis(view, "satisfaction", SHOWN)
