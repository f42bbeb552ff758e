"""One customer from every side: who, and everything that the snapshot says happened to and with her.

As every other question: bound values, a Scope, and nobody of another region. Names, contact data and what people
wrote are in the people file, which is opened for one look by who may see it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from dashboard.metrics import arrow
from dashboard.metrics.query import PersonalForbidden, open_people
from ingestion.warehouse.kpis import Query

if TYPE_CHECKING:
    from collections.abc import Sequence

    import polars as pl

    from dashboard.metrics.access import Scope
    from dashboard.metrics.query import Snapshot

CONTACT: Final = ("name", "phone", "email", "address")
_MOST_ALIKE: Final = 20

# about and state are codes, number is an amount, a score or points. is_counted: figures count it; a merged ticket and
# a cancelled order happened too, and are no second ticket and no purchase.
_EVENTS: Final = """
    select customer_key, 'order' as event, order_key as event_key, ordered_at as happened_at, region, tier, product,
        order_kind as about, status as state, cast(amount as double) as number, currency, is_purchase as is_counted,
        false as is_open
    from core.fct_orders
    union all
    select customer_key, 'ticket', ticket_key, created_at, region, tier, product, kind, status, null, null,
        is_counted, is_open and is_counted
    from core.fct_tickets
    union all
    select customer_key, 'complaint', complaint_key, received_at, region, tier, product, reason,
        case when is_open then 'open' else outcome end, null, null, is_counted, is_open
    from core.fct_complaints
    union all
    select customer_key, 'rating', survey_key, responded_at, region, tier, product, dimension, null,
        cast(score as double), null, is_rating, false
    from core.fct_survey_answers
    where is_rating or is_nps_answer
    union all
    select customer_key, 'asset', asset_key, sold_at, region, tier, product, product_group, null, null, null,
        true, false
    from core.fct_assets
    union all
    select customer_key, 'points', entry_key, occurred_at, region, tier, null, reason, null, points, null, true, false
    from core.fct_points
    union all
    select customer_key, 'contact', interaction_key, occurred_at, region, tier, null, kind, null, null,
        null, true, false
    from core.fct_interactions
    where is_held"""


def alike(snapshot: Snapshot, scope: Scope, wanted: str) -> list[str]:
    """The customers that a key or a number of an export may mean; none where they are no business of the reader's."""
    number = "substr(ids.named_key, instr(ids.named_key, ':') + 1)"
    sql = f"""
        select distinct ids.customer_key, bool_or(ids.named_key = ?) as is_exact
        from core.dim_customer_ids as ids
        inner join core.dim_customers as customers on ids.customer_key = customers.customer_key
        where (ids.named_key = ? or {number} = ?) and {_within("customers.region_now")}
        group by ids.customer_key
        order by ids.customer_key
        limit {_MOST_ALIKE}"""
    found = snapshot.run(Query(sql, (wanted, wanted, wanted, *_regions(scope))))
    exact = found.filter(found["is_exact"])
    return [str(key) for key in (found if exact.is_empty() else exact)["customer_key"]]


def profile(snapshot: Snapshot, scope: Scope, key: str) -> pl.DataFrame:
    """What is known of the customer today, in one row; no row where the reader may not see her region."""
    sql = f"""
        select
            customer_key, customer_type, segment, tier_now, region_now, signup_at, churned_at, is_core
        from core.dim_customers
        where customer_key = ? and {_within("region_now")}"""
    return snapshot.run(Query(sql, (key, *_regions(scope))))


def tiers(snapshot: Snapshot, scope: Scope, key: str) -> pl.DataFrame:
    """tier, tier_basis, from_at and to_at of each stretch; to_at NULL: till now. A change of region alone is none."""
    sql = f"""
        with spans as (
            select
                tier, tier_basis, valid_from, valid_to,
                coalesce(lag((coalesce(tier, ''), tier_basis)) over (order by valid_from)
                    is distinct from (coalesce(tier, ''), tier_basis), true) as is_new
            from core.dim_tier_spans
            where customer_key = ? and {_within("coalesce(region, 'unknown')")}
        ),
        numbered as (select *, count(*) filter (where is_new) over (order by valid_from) as stretch_no from spans)
        select
            coalesce(any_value(tier), 'unknown') as tier, any_value(tier_basis) as tier_basis,
            min(valid_from) as from_at, nullif(max(valid_to), timestamp '9999-12-31') as to_at
        from numbered
        group by stretch_no
        order by stretch_no"""
    return snapshot.run(Query(sql, (key, *_regions(scope))))


def figures(snapshot: Snapshot, scope: Scope, key: str) -> pl.DataFrame:
    """By kind of event and currency: how many are counted and open, sum, mean and last of their numbers."""
    sql = f"""
        select
            event, currency, count(*) as counted, count(*) filter (where is_open) as open, sum(number) as total,
            avg(number) as mean, arg_max(number, happened_at) as last, max(happened_at) as last_at
        from ({_EVENTS})
        where customer_key = ? and is_counted and {_within("region")}
        group by event, currency
        order by event, currency"""
    return snapshot.run(Query(sql, (key, *_regions(scope))))


def events(snapshot: Snapshot, scope: Scope, key: str, limit: int) -> pl.DataFrame:
    """What happened, the newest first; devices of which nobody knows the day of sale are counted and not here."""
    sql = f"""
        select * exclude (customer_key)
        from ({_EVENTS})
        where customer_key = ? and happened_at is not null and {_within("region")}
        order by happened_at desc, event, event_key
        limit ?"""
    return snapshot.run(Query(sql, (key, *_regions(scope), limit)))


def person(snapshot: Snapshot, scope: Scope, key: str) -> dict[str, str]:
    """Name and contact data, each as the first source says it that says anything.

    Raises:
        PersonalForbidden: the reader may not see personal data, or not this customer.
        PeopleMissing: the file that holds what is personal cannot be opened.
    """
    _may_see(snapshot, scope, key)
    sql = "select record_key from core.dim_customer_records where customer_key = ? order by belief_no"
    records = snapshot.run(Query(sql, (key,)))["record_key"].to_list()
    told = _people(
        snapshot,
        f"""select {", ".join(CONTACT)} from people.customers where customer_key in (select unnest(?::varchar[]))
            order by list_position(?::varchar[], customer_key)""",
        [records, records],
    )
    known = {name: told[name].drop_nulls() for name in CONTACT}
    return {name: str(values[0]) for name, values in known.items() if not values.is_empty()}


def said(snapshot: Snapshot, scope: Scope, key: str, event_keys: Sequence[str]) -> dict[tuple[str, str], str]:
    """What was written about tickets, complaints and ratings of the customer, by event and key.

    Raises:
        PersonalForbidden: the reader may not see personal data, or not this customer.
        PeopleMissing: the file that holds what is personal cannot be opened.
    """
    _may_see(snapshot, scope, key)
    wanted = list(event_keys)
    told = _people(
        snapshot,
        """select 'ticket' as event, ticket_key as event_key, subject as text from people.tickets
            where ticket_key in (select unnest(?::varchar[])) and subject is not null
        union all
        select 'complaint', complaint_key, text from people.complaints
            where complaint_key in (select unnest(?::varchar[])) and text is not null
        union all
        select 'rating', survey_key, any_value(comment) from people.survey_comments
            where survey_key in (select unnest(?::varchar[])) and comment is not null group by survey_key""",
        [wanted, wanted, wanted],
    )
    return {(event, event_key): text for event, event_key, text in told.rows()}


def _may_see(snapshot: Snapshot, scope: Scope, key: str) -> None:
    if not scope.may_see_personal or profile(snapshot, scope, key).is_empty():
        raise PersonalForbidden


def _people(snapshot: Snapshot, sql: str, binds: list[object]) -> pl.DataFrame:
    with open_people(snapshot) as people:
        return arrow.frame(people.sql(sql, params=binds))


def _within(region: str) -> str:
    return f"(? or list_contains(?::varchar[], {region}))"


def _regions(scope: Scope) -> tuple[bool, list[str]]:
    """What `_within` binds: whether all regions may be seen, and which."""
    return scope.regions is None, list(scope.regions or ())
