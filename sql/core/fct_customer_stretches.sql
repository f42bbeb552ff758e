-- Stretches of months over which nothing changed of a customer: what was known, and had happened, at their status days.
-- grain: customer_key, from_no
-- by: customer_key
-- timed: core.dim_status_days
-- via: staging.stg_assets.customer_key = core.dim_customer_ids.named_key
-- via: core.dim_customer_ids.named_key = self.customer_key
-- moves: date_trunc('month', old_date - interval 1 day) <> date_trunc('month', new_date - interval 1 day)
-- moves: in core.fct_orders: crosses_year(ordered_date)
-- moves: in core.fct_ticket_profiles: crosses_year(created_date)
-- moves: in core.fct_complaints: crosses(received_date)
-- moves: in core.fct_survey_answers: crosses(responded_at)
-- moves: in core.fct_interactions: crosses_year(occurred_date)
-- moves: in core.fct_points: crosses(occurred_date)
-- moves: in staging.stg_assets: crosses(sold_at)
-- moves: in core.dim_tier_spans: crosses(valid_from) or crosses(valid_to)
-- moves: in core.fct_active_spans: crosses_year(active_from) or crosses_year(lost_at)
-- moves: in core.dim_customers: crosses_year(signup_at) or crosses_year(churned_at)
-- core.fct_customer_statuses unrolls them. to_no is NULL while nothing has changed since; from_no of what was so before
-- the first status day is that day's. Each change is noted at the first status day that sees it, so that what is summed
-- up is as long as what happened, not as long as customers times months. Counts to date, or of the last 365 days (_365d).
-- Whether somebody is core or has a phone number has no history: it is the newest word at every date.
with
customers as (select * from core.dim_customers),
customer_ids as (select * from core.dim_customer_ids),
active_spans as (select * from core.fct_active_spans),
tier_spans as (select * from core.dim_tier_spans),
orders as (select * from core.fct_orders where is_purchase),
tickets as (select * from core.fct_ticket_profiles where is_counted and customer_key is not null),
complaints as (select * from core.fct_complaints where is_counted and customer_key is not null),
ratings as (select * from core.fct_survey_answers where is_rating and customer_key is not null),
interactions as (select * from core.fct_interactions where is_held),
points as (select * from core.fct_points),
assets as (select * from staging.stg_assets),
regions as (select * from core.dim_regions),
tiers as (select tier, lower(is_vip) = 'true' as is_vip from raw.tiers),

bounds as (
    select
        run.business_timezone, max(days.status_date) as last_date, min(days.month_no) as first_no
    from core.dim_status_days as days
    cross join raw.run as run
    group by run.business_timezone
),

first_purchases as (
    select customer_key, min(ordered_at) as first_purchased_at
    from orders
    group by customer_key
),

first_tickets as (
    select customer_key, min(created_at) as first_ticket_at
    from tickets
    group by customer_key
),

first_spans as (
    select customer_key, min(active_from) as active_from
    from active_spans
    group by customer_key
),

people as (
    select
        coalesce(customers.customer_key, first_purchases.customer_key) as customer_key,
        cast(coalesce(customers.signup_at, first_purchases.first_purchased_at)
            at time zone 'UTC' at time zone bounds.business_timezone as date) as joined_date,
        coalesce(
            least(customers.signup_at, first_purchases.first_purchased_at, first_tickets.first_ticket_at),
            cast('1900-01-01 00:00:00' as timestamp)
        ) as known_from,
        customers.source, customers.customer_type, customers.segment, customers.region_now, customers.churned_at,
        coalesce(customers.is_core, false) as is_core, coalesce(customers.has_phone, false) as has_phone,
        customers.referrer_key is not null as has_referrer
    from customers
    full join first_purchases on customers.customer_key = first_purchases.customer_key
    left join first_tickets on customers.customer_key = first_tickets.customer_key
    cross join bounds
),

-- On the record before the first active stretch, or without any, a customer is one until the source says otherwise.
presences as (
    select customer_key, active_from as present_from, lost_at as present_to from active_spans
    union all
    select people.customer_key, people.known_from, coalesce(first_spans.active_from, people.churned_at)
    from people
    left join first_spans on people.customer_key = first_spans.customer_key
    where first_spans.active_from is null or people.known_from < first_spans.active_from
),

tier_steps as (
    select
        tier_spans.customer_key, tier_spans.valid_from, tier_spans.valid_to, tier_spans.tier, tier_spans.tier_basis,
        tier_spans.region, tier_spans.account_manager_id,
        tier_spans.tier_basis = 'known' and coalesce(tiers.is_vip, false) as is_known_vip,
        lag(tier_spans.tier) over (partition by tier_spans.customer_key order by tier_spans.valid_from) as tier_before,
        lag(tier_spans.tier_basis) over (partition by tier_spans.customer_key order by tier_spans.valid_from)
            as basis_before
    from tier_spans
    left join tiers on tier_spans.tier = tiers.tier
),

vip_edges as (
    select
        *,
        lag(is_known_vip) over (partition by customer_key order by valid_from) as is_vip_before
    from tier_steps
),

vip_runs as (
    select
        *,
        sum(case when is_known_vip = is_vip_before then 0 else 1 end) over (
            partition by customer_key order by valid_from rows unbounded preceding
        ) as run_no
    from vip_edges
),

vip_spans as (
    select
        customer_key, valid_from, valid_to, tier, tier_basis, region, account_manager_id,
        case when is_known_vip then min(valid_from) over (partition by customer_key, run_no) end as vip_since
    from vip_runs
),

-- Everything that happened to a customer, by local day. A tier changes nothing that is counted, but begins a stretch.
happened as (
    select customer_key, ordered_date as on_date, 'order' as what, cast(1 as bigint) as amount,
        cast(null as decimal(18, 4)) as score
    from orders
    union all
    select customer_key, created_date, 'ticket', 1, null from tickets
    union all
    select customer_key, received_date, 'complaint', 1, null from complaints
    union all
    select ratings.customer_key,
        cast(ratings.responded_at at time zone 'UTC' at time zone bounds.business_timezone as date),
        'score', 0, ratings.score
    from ratings
    cross join bounds
    union all
    select customer_key, occurred_date, 'points', points, null from points
    union all
    select customer_key, occurred_date, 'interview', 1, null from interactions where kind = 'interview'
    union all
    -- Two talks on one day are one meeting.
    select customer_key, occurred_date, 'meeting', 1, null
    from interactions
    where is_in_person
    group by customer_key, occurred_date
    union all
    select customer_key, occurred_date, 'participation', 1, null
    from interactions
    where kind in ('training', 'community')
    union all
    select coalesce(customer_ids.customer_key, assets.customer_key),
        coalesce(
            cast(assets.sold_at at time zone 'UTC' at time zone bounds.business_timezone as date),
            cast('1900-01-01' as date)
        ),
        'asset', 1, null
    from assets
    cross join bounds
    left join customer_ids on assets.customer_key = customer_ids.named_key
    union all
    select tier_steps.customer_key,
        cast(tier_steps.valid_from at time zone 'UTC' at time zone bounds.business_timezone as date),
        'tier',
        case when tier_steps.tier_basis = 'known' and tier_steps.basis_before = 'known'
            and tier_steps.tier <> tier_steps.tier_before then 1 else 0 end,
        null
    from tier_steps
    cross join bounds
    union all
    select presences.customer_key,
        cast(presences.present_from at time zone 'UTC' at time zone bounds.business_timezone as date),
        'presence', 1, null
    from presences
    cross join bounds
    union all
    select presences.customer_key,
        cast(presences.present_to at time zone 'UTC' at time zone bounds.business_timezone as date),
        'presence', -1, null
    from presences
    cross join bounds
    where presences.present_to is not null
    union all
    select presences.customer_key,
        cast((presences.present_from + interval '365 days')
            at time zone 'UTC' at time zone bounds.business_timezone as date),
        'presence_year_ago', 1, null
    from presences
    cross join bounds
    union all
    select presences.customer_key,
        cast((presences.present_to + interval '365 days')
            at time zone 'UTC' at time zone bounds.business_timezone as date),
        'presence_year_ago', -1, null
    from presences
    cross join bounds
    where presences.present_to is not null
),

-- What counts for 365 days is taken back after them.
passed as (
    select customer_key, on_date, what, amount, score, 1 as times from happened
    union all
    select customer_key, cast(on_date + interval '365 days' as date), what || '_passed', amount, null, -1
    from happened
    where what in ('ticket', 'interview', 'meeting', 'participation')
),

changes as (
    select
        passed.customer_key,
        greatest(12 * extract(year from passed.on_date) + extract(month from passed.on_date), bounds.first_no)
            as month_no,
        sum(case when passed.what = 'presence' then passed.amount else 0 end) as presences,
        sum(case when passed.what = 'presence_year_ago' then passed.amount else 0 end) as presences_year_ago,
        sum(case when passed.what = 'order' then 1 else 0 end) as orders,
        sum(case when passed.what = 'ticket' then 1 else 0 end) as tickets,
        sum(case when passed.what = 'complaint' then 1 else 0 end) as complaints,
        -- Of several scores on one day the worst is remembered.
        max_by(passed.score, 100 * date_diff('day', cast('1900-01-01' as date), passed.on_date) - passed.score)
            filter (where passed.score is not null) as score,
        sum(case when passed.what = 'points' then passed.amount else 0 end) as points,
        sum(case when passed.what = 'points' then 1 else 0 end) as entries,
        sum(case when passed.what = 'asset' then 1 else 0 end) as assets,
        sum(case when passed.what = 'tier' then passed.amount else 0 end) as tier_changes,
        max(case when passed.what in ('order', 'ticket') then passed.on_date end) as seen_date,
        sum(case when passed.what in ('ticket', 'ticket_passed') then passed.times else 0 end) as recent_tickets,
        sum(case when passed.what in ('interview', 'interview_passed') then passed.times else 0 end)
            as recent_interviews,
        sum(case when passed.what in ('meeting', 'meeting_passed') then passed.times else 0 end) as recent_meetings,
        sum(case when passed.what in ('participation', 'participation_passed') then passed.times else 0 end)
            as recent_participations
    from passed
    cross join bounds
    where passed.on_date <= bounds.last_date
    group by
        passed.customer_key,
        greatest(12 * extract(year from passed.on_date) + extract(month from passed.on_date), bounds.first_no)
),

stretches as (
    select
        changes.customer_key, changes.month_no as from_no,
        lead(changes.month_no) over in_order - 1 as to_no,
        sum(changes.presences) over so_far > 0 as is_customer,
        sum(changes.presences_year_ago) over so_far > 0 as is_customer_year_ago,
        sum(changes.orders) over so_far as order_count,
        sum(changes.tickets) over so_far as ticket_count,
        sum(changes.complaints) over so_far as complaint_count,
        last_value(changes.score ignore nulls) over so_far as last_score,
        sum(changes.points) over so_far as points_balance,
        sum(changes.entries) over so_far as points_entry_count,
        sum(changes.assets) over so_far as asset_count,
        sum(changes.tier_changes) over so_far as tier_change_count,
        max(changes.seen_date) over so_far as last_seen_date,
        sum(changes.recent_tickets) over so_far as ticket_count_365d,
        sum(changes.recent_interviews) over so_far as interview_count_365d,
        sum(changes.recent_meetings) over so_far as meeting_count_365d,
        sum(changes.recent_participations) over so_far as participation_count_365d
    from changes
    window
        in_order as (partition by changes.customer_key order by changes.month_no),
        so_far as (
            partition by changes.customer_key order by changes.month_no
            rows between unbounded preceding and current row
        )
),

described as (
    select
        stretches.*,
        people.source, people.customer_type, people.segment, people.is_core, people.has_phone, people.has_referrer,
        people.joined_date,
        case when vip_spans.tier_basis = 'known' then vip_spans.tier else 'unknown' end as tier,
        coalesce(vip_spans.tier, 'unknown') as told_tier,
        coalesce(vip_spans.region, people.region_now, 'unknown') as known_region,
        vip_spans.account_manager_id,
        vip_spans.vip_since
    from stretches
    inner join core.dim_status_days as days on stretches.from_no = days.month_no
    left join people on stretches.customer_key = people.customer_key
    left join vip_spans
        on stretches.customer_key = vip_spans.customer_key
        and vip_spans.valid_from < days.ended_at and vip_spans.valid_to >= days.ended_at
)

select
    coalesce(described.source, split_part(described.customer_key, ':', 1)) as source,
    described.customer_key, cast(described.from_no as bigint) as from_no, cast(described.to_no as bigint) as to_no,
    described.known_region as region, coalesce(regions.area, 'unknown') as area,
    described.tier, coalesce(tiers.is_vip, false) as is_vip,
    coalesce(described.customer_type, 'unknown') as customer_type, coalesce(described.segment, 'unknown') as segment,
    described.is_customer, described.is_customer_year_ago,
    described.joined_date, coalesce(described.has_referrer, false) as has_referrer,

    described.is_customer and described.customer_type is not distinct from 'business' as is_business,
    described.account_manager_id is not null as has_account_manager,
    described.is_customer and described.told_tier <> 'unknown' and described.known_region <> 'unknown'
        and coalesce(described.has_phone, false) as is_record_complete,

    coalesce(described.is_core, false) and described.is_customer_year_ago as is_core_year_ago,
    described.interview_count_365d > 0 as is_interviewed_365d,

    case when described.is_customer then described.vip_since end as vip_since,
    cast(described.meeting_count_365d as bigint) as meeting_count_365d,

    cast(described.points_balance as bigint) as points_balance, described.points_entry_count > 0 as has_points,
    described.is_customer and described.participation_count_365d > 0 as is_participant_365d,

    cast(described.order_count as bigint) as order_count,
    cast(described.ticket_count as bigint) as ticket_count,
    cast(described.complaint_count as bigint) as complaint_count,
    cast(described.asset_count as bigint) as asset_count,
    cast(described.tier_change_count as bigint) as tier_change_count,
    cast(described.ticket_count_365d as bigint) as ticket_count_365d,
    described.last_score, described.last_seen_date
from described
left join regions on described.known_region = regions.region
left join tiers on described.tier = tiers.tier
-- Of others no status is shown, or only that they joined in a month.
where described.is_customer or described.is_customer_year_ago or described.points_entry_count > 0
    or 12 * extract(year from described.joined_date) + extract(month from described.joined_date)
        between described.from_no and coalesce(described.to_no, 999999)
