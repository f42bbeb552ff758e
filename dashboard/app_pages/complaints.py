"""Complaints: are they settled for good and within the limits, and which ones cannot wait?"""

import streamlit as st

from dashboard import boards, cards, charts_counts, explore, parts, shapes, theme
from dashboard.session import current

SHOWN = (
    "complaint_closure_rate",
    "complaint_closed_rate",
    "complaint_within_24h",
    "complaint_plan_within_48h",
    "complaint_cycle_time",
    "complaint_volume",
    "complaint_backlog",
)

view = current()
parts.title(view, "complaints")
cards.wall(view, SHOWN)

if parts.needs(view, "complaints"):
    waiting = shapes.open_complaints(view.open_rows(view.kpi("complaint_backlog")), view.snapshot.as_of)
    parts.section(view, "complaints_open")
    parts.complaint_list(view, waiting)

    left, right = st.columns(2, gap="medium")
    with left:
        parts.section(view, "complaint_ages")
        bands = shapes.labelled(shapes.ages(waiting), "age_band", lambda band: view.t(f"ages.{band}"))
        parts.chart(
            view,
            bands,
            lambda counts: charts_counts.stacked(
                counts, "age_band", "grade", theme.GRADE_COLOURS, view.lang, view.t, is_time=False,
                part_labels={grade: view.labels.value("grade", grade) for grade in theme.GRADE_COLOURS},
            ),
        )  # fmt: skip
    with right:
        parts.section(view, "complaint_reasons")
        parts.chart(
            view,
            shapes.labelled(
                shapes.counted(view.sums("mart_complaints_daily", by=("reason",)), "reason", "complaint_count"),
                "reason",
                lambda reason: view.labels.value("reason", reason),
            ),
            lambda counts: charts_counts.ranked_counts(counts, "reason", view.lang, view.t),
        )

    parts.section(view, "complaint_grades")
    explore.side_by_side(
        view,
        ("complaint_volume", "complaint_closure_rate", "complaint_closed_rate", "complaint_cycle_time"),
        "grade",
    )
    explore.by_tier(
        view,
        "complaints",
        ("complaint_volume", "complaint_closure_rate", "complaint_closed_rate", "complaint_cycle_time"),
    )

    parts.section(view, "complaint_outcomes")
    monthly = view.sums("mart_complaints_daily", period="month")
    parts.chart(
        view,
        shapes.complaint_outcomes(monthly),
        lambda counts: charts_counts.stacked(
            counts, "period", "outcome", theme.OUTCOME_COLOURS, view.lang, view.t,
            part_labels={name: view.t(f"outcomes.{name}") for name in theme.OUTCOME_COLOURS},
        ),
    )  # fmt: skip

    boards.tables(view, "complaint_topics", "complaint_grade_changes")

    parts.section(view, "explore")
    explore.trend_and_groups(
        view,
        "complaints",
        ("complaint_closure_rate", "complaint_within_24h", "complaint_cycle_time", "complaint_volume"),
    )

boards.all_kpis(view, "complaints", SHOWN)
