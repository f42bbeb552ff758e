"""One customer from every side: who she is, figures, one timeline, and every event in a row of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple, cast

import polars as pl
import streamlit as st

from dashboard import address, boards, charts_customer, formats, kept, parts
from dashboard.metrics import customers
from dashboard.metrics.query import PeopleMissing
from ingestion.warehouse.views import load_views

if TYPE_CHECKING:
    from datetime import datetime

    from dashboard.charts import Drawing
    from dashboard.session import View

PAGE: Final = "customer"
EVENTS_SHOWN: Final = 1_000
_LOW_SCORE: Final = 2
_FIGURE_WIDTH: Final = 130


class Kind(NamedTuple):
    """An export that events come from, and which codes they carry."""

    dataset: str
    about: str
    state: str = "status"


# In the order of the timeline's lines.
_KINDS: Final = {
    "order": Kind("orders", "order_kind", "order_status"),
    "ticket": Kind("tickets", "kind"),
    "complaint": Kind("complaints", "reason", "outcome"),
    "rating": Kind("survey_answers", "survey_dimension"),
    "contact": Kind("interactions", "interaction"),
    "points": Kind("points_ledger", "points_reason"),
    "asset": Kind("assets", "product_group"),
}


def go(key: str) -> None:
    """Open a customer's page; ends this run."""
    address.open_link(PAGE, {PAGE: key})
    st.switch_page("app_pages/customer.py")


def listed(view: View) -> None:
    """All customers in rows; a chosen one is opened."""
    one = load_views()["customer_360"]
    boards.heading(view, one)
    found = boards.frame(view, one)
    if found is None:
        return
    st.caption(view.t("customer.choose"))
    picked = parts.sheet(view, boards.readable(view, one, found), key="customers")
    boards.limited(view, found)
    if picked is not None:
        go(str(found["customer_key"][picked]))


def show(view: View) -> None:
    """The customer that the address or the field names, or what to do to see one."""
    key = _chosen(view)
    if key is None:
        return
    profile = customers.profile(view.snapshot, view.scope, key).row(0, named=True)
    tiers = _kept(view, key, "tiers")
    _who(view, key, profile, tiers)
    _figures(view, key)
    if view.scope.regions is not None:
        st.caption(view.t("customer.own_regions"))
    events = _kept(view, key, "events")
    parts.section(view, "customer_timeline")
    told = _told(view, events)
    parts.chart(view, told, lambda frame: _timeline(view, frame, tiers))
    parts.section(view, "customer_events")
    if events.height == EVENTS_SHOWN:
        st.caption(view.t("customer.limited", limit=formats.number(EVENTS_SHOWN, view.lang)))
    _table(view, key, told)


def _chosen(view: View) -> str | None:
    """The key of the customer asked for, whom the reader may see."""
    field = f"{PAGE}_wanted_{view.lang}"
    if field not in st.session_state:
        st.session_state[field] = address.asked(PAGE, PAGE)
    label, example = view.t("customer.number"), view.t("customer.example")
    wanted = st.text_input(label, key=field, placeholder=example, icon=":material/search:", width=420).strip()
    address.keep(PAGE, PAGE, wanted)
    if not wanted:
        st.info(view.t("customer.none"), icon=":material/person_search:")
        return None
    found = customers.alike(view.snapshot, view.scope, wanted)
    if not found:
        st.warning(view.t("customer.not_found", number=wanted), icon=":material/person_off:")
        return None
    if len(found) > 1:
        st.info(view.t("customer.several", keys=view.t("parts.and").join(f"`{key}`" for key in found)))
        return None
    return found[0]


def _who(view: View, key: str, profile: dict[str, Any], tiers: pl.DataFrame) -> None:
    """Name, contact data where they may be seen, and what the exports say of her today."""
    who = _person(view, key)
    st.subheader(f":material/person: {who.get('name', view.t('customer.masked'))} · {key}", anchor=False)
    named = (("customer_type", "customer_type"), ("region", "region_now"), ("segment", "segment"))
    facts = [f"{view.labels.dimension(name)}: {view.labels.value(name, profile[column])}" for name, column in named]
    since = tiers["from_at"][-1] if not tiers.is_empty() and tiers["tier"][-1] == profile["tier_now"] else None
    tier = view.labels.value("tier", profile["tier_now"])
    is_dated = since is not None and tiers["tier_basis"][-1] == "known"
    facts.insert(0, view.t("customer.tier_since" if is_dated else "customer.tier", tier=tier, day=_day(view, since)))
    if profile["signup_at"]:
        facts.append(view.t("customer.joined", day=_day(view, profile["signup_at"])))
    if profile["churned_at"]:
        facts.append(view.t("customer.churned", day=_day(view, profile["churned_at"])))
    st.markdown(" · ".join(facts))
    contact = [f"{view.t(f'customer.{name}')}: {who[name]}" for name in customers.CONTACT[1:] if name in who]
    if contact:
        st.markdown(" · ".join(contact))


def _person(view: View, key: str) -> dict[str, str]:
    # Read anew in every run, and never kept.
    if not view.scope.may_see_personal:
        return {}
    try:
        return customers.person(view.snapshot, view.scope, key)
    except PeopleMissing:
        st.warning(view.t("customer.no_people"), icon=":material/key_off:")
        return {}


def _figures(view: View, key: str) -> None:
    rows = _kept(view, key, "figures").rows(named=True)
    with st.grid(min_column_width=_FIGURE_WIDTH):
        for name, kind in _KINDS.items():
            if name == "contact":
                continue
            found = [row for row in rows if row["event"] == name]
            with st.container(border=True, gap="xsmall"):
                if not view.is_connected(kind.dataset):
                    st.metric(view.t(f"customer.figures.{name}"), f":gray[{view.t('states.not_connected')}]")
                    continue
                value, note = _figure(view, name, found)
                st.metric(view.t(f"customer.figures.{name}"), value)
                st.caption(note)


def _figure(view: View, name: str, found: list[dict[str, Any]]) -> tuple[str, str]:
    """Value and what stands below it."""
    counted, lang = sum(row["counted"] for row in found), view.lang
    if name == "order":
        sums = [_money(row["total"], row["currency"], lang) for row in found if row["total"] is not None]
        return formats.number(counted, lang), view.t("parts.and").join(sums) or formats.MISSING
    if name == "rating":
        if not found:
            return formats.MISSING, view.t("customer.no_rating")
        mean = formats.value(found[0]["mean"], "score", lang)
        return formats.value(found[0]["last"], "score", lang), view.t("customer.mean", mean=mean, count=counted)
    if name == "points":
        total = sum(row["total"] for row in found)
        return formats.number(total, lang), view.t("customer.entries", count=counted)
    if name == "asset":
        return formats.number(counted, lang), view.t("customer.in_use")
    waiting = sum(row["open"] for row in found)
    return formats.number(counted, lang), view.t("customer.open", count=waiting)


def _told(view: View, events: pl.DataFrame) -> pl.DataFrame:
    """The events in words: row, moment, moment_text, told, is_bad, and the table's columns."""
    rows = []
    for one in events.rows(named=True):
        kind = _KINDS[one["event"]]
        about = view.labels.value(kind.about, one["about"]) if one["about"] else ""
        state = view.labels.value(kind.state, one["state"]) if one["state"] else ""
        number = _number(view, one)
        told = [part for part in (about, state, number) if part]
        rows.append(
            {
                "event_code": one["event"],
                "event_key": one["event_key"],
                "row": view.t(f"customer.events.{one['event']}"),
                "moment_text": formats.instant(one["happened_at"], view.zone),
                "told": " · ".join(told),
                "about": about,
                "state": state,
                "number": number,
                "product": view.labels.value("product", one["product"]) if one["product"] else "",
                "tier": view.labels.value("tier", one["tier"]),
                "region": view.labels.value("region", one["region"]),
                "is_bad": one["event"] == "complaint"
                or (one["event"] == "rating" and one["is_counted"] and one["number"] <= _LOW_SCORE),
            }
        )
    if not rows:
        return pl.DataFrame()
    return pl.DataFrame(rows).with_columns(pl.col("moment_text").str.to_datetime("%Y-%m-%d %H:%M").alias("moment"))


def _timeline(view: View, told: pl.DataFrame, tiers: pl.DataFrame) -> Drawing:
    first = cast("datetime", told["moment"].min())
    last = _local(pl.lit(view.snapshot.as_of, dtype=pl.Datetime("us")), view.zone)
    spans = tiers.with_columns(
        pl.lit(view.t("customer.events.tier")).alias("row"),
        pl.Series("tier", [view.labels.value("tier", tier) for tier in tiers["tier"]], dtype=pl.String),
        (pl.col("tier_basis") == "assumed").alias("is_assumed"),
        pl.Series("span_text", [_span(view, one) for one in tiers.rows(named=True)], dtype=pl.String),
        _local(pl.col("from_at"), view.zone),
        _local(pl.col("to_at"), view.zone).fill_null(last),
    ).with_columns(pl.col("from_at").clip(lower_bound=first))
    present = set(told["row"])
    lines = [view.t("customer.events.tier"), *(view.t(f"customer.events.{name}") for name in _KINDS)]
    return charts_customer.timeline(
        told,
        spans.filter(pl.col("to_at") > first),
        view.t,
        rows=[line for line in lines if line in present or line == lines[0]],
        order=view.labels.tiers(),
    )


def _table(view: View, key: str, told: pl.DataFrame) -> None:
    if told.is_empty():
        parts.nothing(view)
        return
    columns = {
        view.t("customer.when"): told["moment_text"],
        view.t("customer.event"): told["row"],
        view.t("customer.about"): told["about"],
        view.t("customer.state"): told["state"],
        view.t("customer.amount"): told["number"],
        view.labels.dimension("product"): told["product"],
        view.t("customer.tier_then"): told["tier"],
        view.labels.dimension("region"): told["region"],
        view.t("customer.key"): told["event_key"],
    }
    texts = _said(view, key, told)
    if texts is not None:
        columns = {**dict(list(columns.items())[:3]), view.t("customer.said"): texts, **columns}
    # What is personal is looked at and not taken along: the download menu keeps what it is offered.
    parts.sheet(view, pl.DataFrame(columns), height=480, is_offered=texts is None)


def _said(view: View, key: str, told: pl.DataFrame) -> pl.Series | None:
    """What was written with each event; None for who may not read it."""
    if not view.scope.may_see_personal:
        return None
    try:
        known = customers.said(view.snapshot, view.scope, key, told["event_key"].to_list())
    except PeopleMissing:
        return None
    pairs = told.select("event_code", "event_key").iter_rows()
    return pl.Series([known.get((event, event_key)) for event, event_key in pairs], dtype=pl.String)


def _kept(view: View, key: str, name: str) -> pl.DataFrame:
    reads = {
        "tiers": lambda: customers.tiers(view.snapshot, view.scope, key),
        "figures": lambda: customers.figures(view.snapshot, view.scope, key),
        "events": lambda: customers.events(view.snapshot, view.scope, key, EVENTS_SHOWN),
    }
    return kept.frames.one((view.snapshot.run_id, view.scope, "customer", key, name), reads[name])


def _number(view: View, one: dict[str, Any]) -> str:
    if one["number"] is None:
        return ""
    if one["event"] == "order":
        return _money(one["number"], one["currency"], view.lang)
    if one["event"] == "points":
        return formats.change(one["number"], 0, "count", view.lang)
    return formats.value(one["number"], "score", view.lang)


def _money(amount: float, currency: str | None, lang: str) -> str:
    return " ".join(part for part in (formats.number(amount, lang), currency) if part)


def _span(view: View, one: dict[str, Any]) -> str:
    start = view.t("customer.assumed") if one["tier_basis"] == "assumed" else _day(view, one["from_at"])
    return f"{start} – {_day(view, one['to_at']) if one['to_at'] else view.t('customer.today')}"


def _day(view: View, moment: datetime | None) -> str:
    return formats.instant(moment, view.zone)[:10]


def _local(instant: pl.Expr, zone: str) -> pl.Expr:
    return instant.dt.replace_time_zone("UTC").dt.convert_time_zone(zone).dt.replace_time_zone(None)
