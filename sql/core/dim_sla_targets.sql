-- The promise that holds for each kind of ticket in each span of time: limit, clock and calendar.
-- grain: metric, channel, kind, priority, tier, valid_from
-- A policy's blank column means any. The policy that names most columns wins; among equals the tightest limit,
-- since every promise made is to be kept. valid_to is exclusive.
with
tickets as (select * from staging.stg_tickets),
tiers as (select tier from raw.tiers union select 'unknown' as tier),

policies as (
    select
        policy_id, metric,
        nullif(channel, '') as channel, nullif(kind, '') as kind,
        nullif(priority, '') as priority, nullif(tier, '') as tier,
        cast(limit_seconds as bigint) as limit_seconds, clock, nullif(calendar_id, '') as calendar_id,
        coalesce(pauses_on, '') as pauses_on,
        cast(valid_from as date) as valid_from,
        coalesce(cast(nullif(valid_to, '') as date), cast('9999-12-31' as date)) as valid_to
    from raw.sla
),

spans as (
    select
        metric, valid_from,
        coalesce(
            lead(valid_from) over (partition by metric order by valid_from), cast('9999-12-31' as date)
        ) as valid_to
    from (
        select metric, valid_from from policies
        union
        select metric, valid_to from policies where valid_to < cast('9999-12-31' as date)
    ) as bounds
),

combinations as (
    select channels.channel, kinds.kind, priorities.priority, tiers.tier
    -- Complaints without a ticket have none of the three: unknown is always among them.
    from (select channel from tickets where channel is not null union select 'unknown') as channels
    cross join (select kind from tickets where kind is not null union select 'unknown') as kinds
    cross join (
        select priority_first as priority from tickets where priority_first is not null union select 'unknown'
    ) as priorities
    cross join tiers
),

candidates as (
    select
        spans.metric, combinations.channel, combinations.kind, combinations.priority, combinations.tier,
        spans.valid_from, spans.valid_to,
        policies.policy_id, policies.limit_seconds, policies.clock, policies.calendar_id, policies.pauses_on,
        case when policies.channel is null then 0 else 1 end + case when policies.kind is null then 0 else 1 end
            + case when policies.priority is null then 0 else 1 end + case when policies.tier is null then 0 else 1 end
            as named_columns
    from spans
    inner join policies
        on spans.metric = policies.metric
        and spans.valid_from >= policies.valid_from and spans.valid_from < policies.valid_to
    cross join combinations
    where (policies.channel is null or policies.channel = combinations.channel)
        and (policies.kind is null or policies.kind = combinations.kind)
        and (policies.priority is null or policies.priority = combinations.priority)
        and (policies.tier is null or policies.tier = combinations.tier)
)

select
    metric, channel, kind, priority, tier, valid_from, valid_to,
    policy_id, limit_seconds, clock, coalesce(calendar_id, 'office') as calendar_id, pauses_on
from candidates
qualify row_number() over (
    partition by metric, channel, kind, priority, tier, valid_from
    order by named_columns desc, limit_seconds, policy_id
) = 1
