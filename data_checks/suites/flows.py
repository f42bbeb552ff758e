"""What must not get lost on the way from the exports to the facts: raw -> staging -> core, counted by entity.

While models are built, staging lies in the catalog `scratch` and raw in `warehouse`. What may be missing is
counted out by name: what lies after as_of, what a complete export no longer names, what a source says is gone.
"""

from dataclasses import dataclass

from data_checks.contract import ENTITIES, datasets

# The instant that says whether an entity has happened by as_of; NULL where an export leaves it out: it counts.
HAPPENED = {
    "tickets": "created_at",
    "ticket_events": "occurred_at",
    "visits": "dispatched_at",
    "orders": "ordered_at",
    "complaints": "received_at",
    "surveys": "sent_at",
    "survey_answers": "",
    "calls": "queued_at",
    "chat_sessions": "started_at",
    "interactions": "",
    "points_ledger": "occurred_at",
    "staff": "hired_at",
    "staff_assessments": "assessed_at",
    "training": "done_at",
    "roster": "",
    "parts_usage": "requested_at",
    "replacements": "approved_at",
    "iot_alerts": "raised_at",
    "knowledge_articles": "created_at",
    "qa_reviews": "reviewed_at",
    "social_mentions": "occurred_at",
    "pain_points": "opened_at",
    "pilots": "started_at",
    "benchmarks": "valid_at",
}


@dataclass(frozen=True)
class Flow:
    """Two numbers that must be equal: `found`, a SELECT of one number, and `wanted`, another."""

    name: str
    found: str
    wanted: str
    code: str = "rows_lost"


def _staged(dataset: str, where: str = "true") -> str:
    return f"select count(*) from scratch.staging.stg_{dataset} where {where}"


def _in_staging(dataset: str, key: str) -> str:
    return f"{key} in (select {key} from scratch.staging.stg_{dataset})"


def _plus(*counts: str) -> str:
    return f"select {' + '.join(f'({count})' for count in counts)}"


def _entities(dataset: str) -> str:
    """How many entities raw knows as of the run, whatever their versions.

    Nearly every key has one version: only keys that share a hash are gathered. All of them, with their feeds, are
    more than memory holds at a hundred million events.
    """
    names = ", ".join(("source", *ENTITIES[dataset]))
    key = ", ".join(f"rows.{column}" for column in ("source", *ENTITIES[dataset]))
    instant = HAPPENED[dataset]
    happened = f"(rows.{instant} is null or rows.{instant} <= run.as_of)" if instant else "true"
    return f"""
        with complete as (
            select source, feed, max(load_seq) as load_seq from scratch.raw.loads where is_full group by all
        ),
        known as not materialized (
            select {key}, hash({key}) as key_hash, loads.load_seq
            from warehouse.raw.{dataset} as rows cross join scratch.raw.run as run
            left join scratch.raw.loads as loads on rows.load_id = loads.load_id
            where {happened}
        ),
        repeated as materialized (select key_hash from known group by all having count(*) > 1),
        entities as not materialized (
            select {names}, load_seq from known anti join repeated using (key_hash)
            union all
            select {names}, max(load_seq) from known semi join repeated using (key_hash) group by all
        )
        select count(*) from entities
        left join (select load_seq, feed from scratch.raw.loads) as newest using (load_seq)
        left join complete using (source, feed)
        anti join ({_gone(dataset, key, happened)}) as gone using ({names})
        where entities.load_seq >= coalesce(complete.load_seq, 0)
    """


def _gone(dataset: str, key: str, happened: str) -> str:
    """Entities whose newest version says that they are gone. Few ever are, so only those are put in order."""
    later = (
        "coalesce(rows.updated_at > run.as_of, false)"
        if "updated_at" in datasets()[dataset].version_columns
        else "false"
    )
    version = "coalesce(nullif(rows.version_key, ''), cast(loads.data_through as varchar), '')"
    return f"""
        select {key} from (
            select rows.*
            from warehouse.raw.{dataset} as rows cross join scratch.raw.run as run
            left join scratch.raw.loads as loads on rows.load_id = loads.load_id
            where ({happened} or rows.is_gone)
                and ({key}) in (select ({key}) from warehouse.raw.{dataset} as rows where is_gone)
            qualify row_number() over (
                partition by {key}
                order by {later}, case when not {later} then {version} end desc, case when {later} then {version} end,
                    loads.data_through desc, rows.load_seq desc, rows.source_row desc
            ) = 1
        ) as rows where is_gone
    """


# A source that puts the score on the ticket and exports no surveys: each scored ticket stands in for one.
_SURVEYING = "select source from scratch.staging.stg_surveys"
_SCORED = _staged("tickets", f"csat_score is not null and source not in ({_SURVEYING})")

# Fact -> the rows of staging it must hold. A visit or an answer whose ticket or survey is not there has no slices.
_HELD = {
    "tickets": _staged("tickets"),
    "visits": _staged("visits", _in_staging("tickets", "ticket_key")),
    "orders": _staged("orders"),
    "complaints": _staged("complaints"),
    "surveys": _plus(_staged("surveys"), _SCORED),
    "survey_answers": _plus(_staged("survey_answers", _in_staging("surveys", "survey_key")), _SCORED),
}

# What the facts make of the optional exports are not entities: looked at is that none is lost on the way to staging.
_OPTIONAL = tuple(
    Flow(f"raw.{name} → staging.stg_{name}", _staged(name), _entities(name))
    for name, dataset in datasets().items()
    if dataset.is_optional_export
)

_PRICED = "from scratch.staging.stg_orders where amount is not null"
_AMOUNTS = Flow(
    "amount: staging.stg_orders → core.fct_orders",
    f"select coalesce(sum(amount), 0) from {{batch}} where order_key in (select order_key {_PRICED})",
    f"select coalesce(sum(amount), 0) {_PRICED}",
    code="does_not_reconcile",
)
"""To the cent: amounts are decimals. An order without one has that of its lines."""

FLOWS: dict[str, tuple[Flow, ...]] = {
    "core.dim_datasets": _OPTIONAL,
    "core.fct_ticket_histories": (
        Flow("raw.ticket_events → staging.stg_ticket_events", _staged("ticket_events"), _entities("ticket_events")),
        Flow(
            "staging.stg_ticket_events → core.fct_ticket_histories",
            "select coalesce(sum(event_count), 0) from {batch}",
            _staged("ticket_events"),
        ),
    ),
    **{
        f"core.fct_{dataset}": (
            Flow(f"raw.{dataset} → staging.stg_{dataset}", _staged(dataset), _entities(dataset)),
            Flow(f"staging.stg_{dataset} → core.fct_{dataset}", "select count(*) from {batch}", held),
        )
        for dataset, held in _HELD.items()
    },
}
FLOWS["core.fct_orders"] = (*FLOWS["core.fct_orders"], _AMOUNTS)
