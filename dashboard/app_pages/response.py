"""Response and SLA: are customers answered in time, and where and when are they not?"""

from dashboard import boards, cards, charts, charts_counts, charts_grids, explore, parts, shapes, theme
from dashboard.session import current

SHOWN = (
    "first_response_time",
    "first_response_time_p90",
    "first_response_within_limit",
    "sla_response_met",
    "resolution_time",
    "sla_resolution_met",
    "solved_within_24h",
    "backlog",
)

view = current()
parts.title(view, "response")
cards.wall(view, SHOWN)

if parts.needs(view, "tickets"):
    parts.section(view, "response_trend")
    explore.trends(view, ("first_response_time", "first_response_time_p90"))

    parts.section(view, "sla_fates")
    promise = parts.pick(view, "promise", ("response", "resolution"), "promises")
    monthly = view.sums("mart_tickets_daily", period="month")
    parts.chart(
        view,
        shapes.long(monthly, shapes.FATES, f"{promise}_{{}}_count", "period", "fate"),
        lambda counts: charts_counts.stacked(
            counts, "period", "fate", theme.SLA_COLOURS, view.lang, view.t,
            part_labels={fate: view.t(f"fates.{promise}.{fate}") for fate in shapes.FATES},
        ),
    )  # fmt: skip

    parts.section(view, "by_channel")
    explore.side_by_side(
        view,
        ("ticket_volume", "first_response_time", "first_response_time_p90", "sla_response_met", "sla_resolution_met"),
        "channel",
    )

    explore.by_tier(
        view,
        "response",
        ("ticket_volume", "first_response_time", "first_response_time_p90", "sla_response_met", "sla_resolution_met"),
    )

    parts.section(view, "arrivals")
    measure = parts.pick(view, "arrivals", ("volume", "met"), "arrivals")
    unit = "count" if measure == "volume" else "ratio"
    parts.chart(
        view,
        shapes.hours(view.sums("mart_arrivals_hourly", by=("weekday", "hour")), measure),
        lambda cells: charts_grids.heat_map(cells, unit, view.lang, view.t, title=view.t(f"arrivals.{measure}")),
    )

    parts.section(view, "response_curve")
    parts.chart(
        view,
        shapes.thinned(view.curve(view.kpi("first_response_time")), last_share=0.02),
        lambda curve: charts.survival(
            curve, view.lang, view.t, x_title=view.t("chart.waiting_time"), y_title=view.t("chart.unanswered")
        ),
    )

    boards.tables(view, "response_by_priority", "consult_chain_stages")

    parts.section(view, "explore")
    explore.trend_and_groups(
        view,
        "response",
        ("sla_response_met", "first_response_time", "resolution_time", "sla_resolution_met", "ticket_volume"),
    )

boards.all_kpis(view, "response", SHOWN)
