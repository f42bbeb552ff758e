-- Chat sessions, with bot and with agents, newest version.
-- grain: session_key
-- by: session_key
-- key: raw.chat_sessions = source || ':' || session_id
-- moves: instants of raw.chat_sessions
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
    select hash(source, session_id) as key_hash
    from raw.chat_sessions
    group by hash(source, session_id)
    having count(*) > 1
),

-- Read twice, which is cheaper than putting it by.
versions as not materialized (
    select
        chat_sessions.*, run.as_of, sources.customer_namespace, loads.data_through, loads.feed,
        loads.load_seq as export_seq, repeated.key_hash is not null as is_repeated,
        coalesce(nullif(chat_sessions.version_key, ''), cast(loads.data_through as varchar), '') as version_order
    from raw.chat_sessions as chat_sessions
    cross join run
    inner join sources on chat_sessions.source = sources.source
    left join loads on chat_sessions.load_id = loads.load_id
    left join repeated on hash(chat_sessions.source, chat_sessions.session_id) = repeated.key_hash
    where chat_sessions.started_at <= run.as_of or chat_sessions.is_gone
),

newest as (
    select *, export_seq as last_export_seq
    from versions
    where not is_repeated
    union all
    select
        *,
        max(export_seq) over (partition by source, session_id) as last_export_seq
    from versions
    where is_repeated
    qualify row_number() over (
        partition by source, session_id
        order by version_order desc, data_through desc, load_seq desc, source_row desc
    ) = 1
)

select
    newest.source,
    newest.source || ':' || newest.session_id as session_key,
    newest.session_id,
    newest.source || ':' || newest.ticket_id as ticket_key,
    newest.customer_namespace || ':' || newest.customer_id as customer_key,
    newest.started_at,
    case when newest.human_requested_at <= newest.as_of then newest.human_requested_at end as human_requested_at,
    case when newest.agent_first_message_at <= newest.as_of then newest.agent_first_message_at end as agent_first_message_at,
    case when newest.ended_at <= newest.as_of then newest.ended_at end as ended_at,
    case when coalesce(newest.ended_at, newest.started_at) <= newest.as_of then newest.resolved_by end as resolved_by,
    newest.is_routine
from newest
left join complete_feeds on newest.source = complete_feeds.source and newest.feed = complete_feeds.feed
where (complete_feeds.newest_load_seq is null or newest.last_export_seq >= complete_feeds.newest_load_seq)
    and not coalesce(newest.is_gone, false)
