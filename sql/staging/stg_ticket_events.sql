-- What happened to tickets, one row an event, in the order of the export's own sequence.
-- grain: ticket_key, event_seq, occurred_at, event_type
-- by: ticket_key
-- key: raw.ticket_events = source || ':' || ticket_id
-- moves: instants of raw.ticket_events
-- A reply that solves the ticket and the change of its status can share one instant, and both happened.
-- Instants are UTC. What lies after as_of has not happened yet: such rows are left out, such instants are NULL.
with
run as (select * from raw.run),
sources as (select * from raw.sources),
loads as (select * from raw.loads),

-- Of a feed whose files are complete, what the newest file no longer names is gone.
complete_feeds as (
    select source, feed, max(load_seq) as newest_load_seq
    from loads
    where is_full
    group by source, feed
),

-- Nearly every key has one version: only those with more are put in order. Keys that share a hash by chance are so too,
-- each by itself.
repeated as materialized (
    select hash(source, ticket_id, event_seq, occurred_at, event_type) as key_hash
    from raw.ticket_events
    group by hash(source, ticket_id, event_seq, occurred_at, event_type)
    having count(*) > 1
),

-- Read twice, which is cheaper than putting it by.
versions as not materialized (
    select
        ticket_events.*, run.as_of, sources.customer_namespace, loads.data_through, loads.feed,
        loads.load_seq as export_seq, repeated.key_hash is not null as is_repeated,
        coalesce(nullif(ticket_events.version_key, ''), cast(loads.data_through as varchar), '') as version_order
    from raw.ticket_events as ticket_events
    cross join run
    inner join sources on ticket_events.source = sources.source
    left join loads on ticket_events.load_id = loads.load_id
    left join repeated
        on hash(
            ticket_events.source, ticket_events.ticket_id, ticket_events.event_seq,
            ticket_events.occurred_at, ticket_events.event_type
        ) = repeated.key_hash
    where ticket_events.occurred_at <= run.as_of or ticket_events.is_gone
),

newest as (
    select *, export_seq as last_export_seq
    from versions
    where not is_repeated
    union all
    select
        *,
        max(export_seq) over (partition by source, ticket_id, event_seq, occurred_at, event_type) as last_export_seq
    from versions
    where is_repeated
    qualify row_number() over (
        partition by source, ticket_id, event_seq, occurred_at, event_type
        order by version_order desc, data_through desc, load_seq desc, source_row desc
    ) = 1
)

select
    newest.source,
    newest.source || ':' || newest.ticket_id as ticket_key,
    newest.event_seq,
    newest.event_type,
    newest.occurred_at,
    newest.status,
    newest.team,
    newest.agent_id,
    newest.actor_role,
    newest.is_public
from newest
left join complete_feeds on newest.source = complete_feeds.source and newest.feed = complete_feeds.feed
where (complete_feeds.newest_load_seq is null or newest.last_export_seq >= complete_feeds.newest_load_seq)
    and not coalesce(newest.is_gone, false)
