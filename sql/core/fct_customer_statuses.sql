-- Customers at the end of each month and of the last complete day: what was known of each, and had happened, by then.
-- grain: customer_key, status_date
-- The last 36 months. is_customer: had become one and was not lost; is_customer_year_ago: 365 days before. Rows of
-- others stand for their points alone, or for the month they joined in. Counts to date, or of the last 365 days (_365d).
-- Whether somebody is core or has a phone number has no history: it is the newest word at every date.
with
customers as (select * from core.dim_customers),
customer_ids as (select * from core.dim_customer_ids),
active_spans as (select * from core.fct_active_spans),
tier_spans as (select * from core.dim_tier_spans),
orders as (select * from core.fct_orders where is_purchase),
tickets as (select * from core.fct_ticket_profiles where is_counted),
complaints as (select * from core.fct_complaints where is_counted),
ratings as (select * from core.fct_survey_answers where is_rating),
interactions as (select * from core.fct_interactions where is_held),
points as (select * from core.fct_points),
assets as (select * from staging.stg_assets),
regions as (select * from core.dim_regions),
tiers as (select tier, lower(is_vip) = 'true' as is_vip from raw.tiers),
run as (select * from raw.run),

last_days as (
    select
        as_of, business_timezone,
        cast(cast(as_of at time zone 'UTC' at time zone business_timezone as date) - interval '1 day' as date)
            as last_date
    from run
),

status_days as (
    select cast(dim_clock.date - interval '1 day' as date) as status_date
    from core.dim_clock as dim_clock
    cross join last_days
    where extract(day from dim_clock.date) = 1
        and date_diff('day', dim_clock.date, last_days.last_date) >= -1
        and date_diff('day', dim_clock.date, last_days.last_date) < 36 * 31
    union
    select last_date from last_days
),

days as (
    select
        status_days.status_date,
        cast(date_trunc('month', status_days.status_date) as date) as month_start,
        -- Local midnight after the day, as an instant.
        (cast(status_days.status_date as timestamp) + interval '1 day')
            at time zone last_days.business_timezone at time zone 'UTC' as ended_at,
        extract(day from status_days.status_date + interval '1 day') = 1 as is_month_complete
    from status_days
    cross join last_days
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
        coalesce(customers.signup_at, first_purchases.first_purchased_at) as joined_at,
        coalesce(
            least(customers.signup_at, first_purchases.first_purchased_at, first_tickets.first_ticket_at),
            cast('1900-01-01 00:00:00' as timestamp)
        ) as known_from,
        customers.churned_at
    from customers
    full join first_purchases on customers.customer_key = first_purchases.customer_key
    left join first_tickets on customers.customer_key = first_tickets.customer_key
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

joined as (
    select
        people.customer_key,
        cast(people.joined_at at time zone 'UTC' at time zone last_days.business_timezone as date) as joined_date
    from people
    cross join last_days
    where people.joined_at is not null
),

first_points as (
    select customer_key, min(occurred_date) as first_date
    from points
    group by customer_key
),

roles as (
    select presences.customer_key, days.status_date, 'now' as role
    from days
    inner join presences
        on presences.present_from < days.ended_at
        and (presences.present_to is null or presences.present_to >= days.ended_at)
    union all
    select presences.customer_key, days.status_date, 'year_ago'
    from days
    inner join presences
        on presences.present_from < days.ended_at - interval '365 days'
        and (presences.present_to is null or presences.present_to >= days.ended_at - interval '365 days')
    union all
    select joined.customer_key, days.status_date, 'joined'
    from days
    inner join joined on joined.joined_date >= days.month_start and joined.joined_date <= days.status_date
    union all
    select first_points.customer_key, days.status_date, 'points'
    from days
    inner join first_points on first_points.first_date <= days.status_date
),

statuses as (
    select
        customer_key, status_date,
        bool_or(role = 'now') as is_customer,
        bool_or(role = 'year_ago') as is_customer_year_ago
    from roles
    group by customer_key, status_date
),

tier_steps as (
    select
        tier_spans.customer_key, tier_spans.valid_from, tier_spans.tier, tier_spans.tier_basis,
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
        customer_key, valid_from, is_known_vip,
        sum(case when is_known_vip = is_vip_before then 0 else 1 end) over (
            partition by customer_key order by valid_from rows unbounded preceding
        ) as run_no
    from vip_edges
),

vip_since as (
    select
        customer_key, valid_from,
        case when is_known_vip then min(valid_from) over (partition by customer_key, run_no) end as vip_since
    from vip_runs
),

-- Everything that happened to a customer, by local day.
happened as (
    select customer_key, ordered_date as on_date, 'order' as what, cast(1 as decimal(18, 4)) as amount from orders
    union all
    select customer_key, created_date, 'ticket', 1 from tickets where customer_key is not null
    union all
    select customer_key, received_date, 'complaint', 1 from complaints where customer_key is not null
    union all
    select ratings.customer_key,
        cast(ratings.responded_at at time zone 'UTC' at time zone last_days.business_timezone as date),
        'score', ratings.score
    from ratings
    cross join last_days
    where ratings.customer_key is not null
    union all
    select customer_key, occurred_date, 'points', points from points
    union all
    select customer_key, occurred_date, 'entry', 1 from points
    union all
    select customer_key, occurred_date, 'interview', 1 from interactions where kind = 'interview'
    union all
    select customer_key, occurred_date, 'in_person', 1 from interactions where is_in_person
    union all
    select customer_key, occurred_date, 'participation', 1 from interactions where kind in ('training', 'community')
    union all
    select coalesce(customer_ids.customer_key, assets.customer_key),
        coalesce(
            cast(assets.sold_at at time zone 'UTC' at time zone last_days.business_timezone as date),
            cast('1900-01-01' as date)
        ),
        'asset', 1
    from assets
    cross join last_days
    left join customer_ids on assets.customer_key = customer_ids.named_key
    union all
    select tier_steps.customer_key,
        cast(tier_steps.valid_from at time zone 'UTC' at time zone last_days.business_timezone as date),
        'tier_change', 1
    from tier_steps
    cross join last_days
    where tier_steps.tier_basis = 'known' and tier_steps.basis_before = 'known'
        and tier_steps.tier <> tier_steps.tier_before
),

stream as (
    select
        happened.customer_key, happened.on_date, false as is_status,
        sum(case when happened.what = 'order' then 1 else 0 end) as orders,
        sum(case when happened.what = 'ticket' then 1 else 0 end) as tickets,
        sum(case when happened.what = 'complaint' then 1 else 0 end) as complaints,
        -- Of several scores on one day the worst is remembered.
        min(case when happened.what = 'score' then happened.amount end) as score,
        sum(case when happened.what = 'points' then happened.amount else 0 end) as points,
        sum(case when happened.what = 'entry' then 1 else 0 end) as entries,
        sum(case when happened.what = 'interview' then 1 else 0 end) as interviews,
        -- Two talks on one day are one meeting.
        max(case when happened.what = 'in_person' then 1 else 0 end) as meetings,
        sum(case when happened.what = 'participation' then 1 else 0 end) as participations,
        sum(case when happened.what = 'asset' then 1 else 0 end) as assets,
        sum(case when happened.what = 'tier_change' then 1 else 0 end) as tier_changes
    from happened
    cross join last_days
    where happened.on_date <= last_days.last_date
    group by happened.customer_key, happened.on_date
    union all
    select customer_key, status_date, true, 0, 0, 0, cast(null as decimal(18, 4)), 0, 0, 0, 0, 0, 0, 0
    from statuses
),

numbered as (
    select *, cast(date_diff('day', cast('1900-01-01' as date), on_date) as integer) as day_no
    from stream
),

running as (
    select
        customer_key, on_date, is_status,
        sum(orders) over so_far as order_count,
        sum(tickets) over so_far as ticket_count,
        sum(complaints) over so_far as complaint_count,
        last_value(score ignore nulls) over so_far as last_score,
        sum(points) over so_far as points_balance,
        sum(entries) over so_far as points_entry_count,
        sum(assets) over so_far as asset_count,
        sum(tier_changes) over so_far as tier_change_count,
        max(case when orders + tickets > 0 then on_date end) over so_far as last_seen_date,
        sum(tickets) over last_year as ticket_count_365d,
        sum(interviews) over last_year as interview_count_365d,
        sum(meetings) over last_year as meeting_count_365d,
        sum(participations) over last_year as participation_count_365d
    from numbered
    window
        so_far as (
            partition by customer_key order by day_no range between unbounded preceding and current row
        ),
        last_year as (partition by customer_key order by day_no range between 364 preceding and current row)
),

described as (
    select
        statuses.customer_key, statuses.status_date, statuses.is_customer, statuses.is_customer_year_ago,
        days.ended_at, days.is_month_complete,
        customers.source, customers.customer_type, customers.segment,
        coalesce(customers.is_core, false) as is_core, coalesce(customers.has_phone, false) as has_phone,
        customers.referrer_key,
        joined.joined_date, joined.joined_date >= days.month_start and joined.joined_date <= days.status_date as is_new,
        case when tier_spans.tier_basis = 'known' then tier_spans.tier else 'unknown' end as tier,
        coalesce(tier_spans.tier, 'unknown') as told_tier,
        coalesce(tier_spans.region, customers.region_now, 'unknown') as known_region,
        tier_spans.account_manager_id,
        cast(date_diff('second', vip_since.vip_since, days.ended_at) as bigint) as vip_seconds
    from statuses
    inner join days on statuses.status_date = days.status_date
    left join customers on statuses.customer_key = customers.customer_key
    left join joined on statuses.customer_key = joined.customer_key
    left join tier_spans
        on statuses.customer_key = tier_spans.customer_key
        and tier_spans.valid_from < days.ended_at and tier_spans.valid_to >= days.ended_at
    left join vip_since
        on tier_spans.customer_key = vip_since.customer_key and tier_spans.valid_from = vip_since.valid_from
)

select
    coalesce(described.source, split_part(described.customer_key, ':', 1)) as source,
    described.customer_key, described.status_date, described.is_month_complete,
    described.known_region as region, coalesce(regions.area, 'unknown') as area,
    described.tier, coalesce(tiers.is_vip, false) as is_vip,
    -- A customer has no one channel or product; the slices exist so that every table has the same ones.
    'unknown' as channel, coalesce(described.customer_type, 'unknown') as customer_type,
    'unknown' as product, 'unknown' as product_group,
    coalesce(described.segment, 'unknown') as segment,
    described.is_customer, described.is_customer_year_ago,

    described.joined_date,
    coalesce(described.is_new, false) as is_new,
    coalesce(described.is_new and described.referrer_key is not null, false) as is_referred,

    described.is_customer and described.customer_type is not distinct from 'business' as is_business,
    described.account_manager_id is not null as has_account_manager,
    described.is_customer and described.told_tier <> 'unknown' and described.known_region <> 'unknown'
        and described.has_phone as is_record_complete,

    described.is_core and described.is_customer_year_ago as is_core_year_ago,
    running.interview_count_365d > 0 as is_interviewed_365d,

    -- Two meetings a year, so one is due after half a year as a VIP, two after a whole one.
    case
        when not described.is_customer or described.vip_seconds is null then 0
        when described.vip_seconds >= 365 * 86400 then 2
        when described.vip_seconds >= 183 * 86400 then 1
        else 0
    end as meeting_due_count,
    cast(running.meeting_count_365d as bigint) as meeting_count_365d,

    cast(running.points_balance as bigint) as points_balance,
    described.is_customer and running.points_entry_count > 0 as is_enrolled,
    described.is_customer and running.participation_count_365d > 0 as is_participant_365d,

    cast(running.order_count as bigint) as order_count,
    cast(running.ticket_count as bigint) as ticket_count,
    cast(running.complaint_count as bigint) as complaint_count,
    cast(running.asset_count as bigint) as asset_count,
    cast(running.tier_change_count as bigint) as tier_change_count,
    cast(running.ticket_count_365d as bigint) as ticket_count_365d,
    running.last_score, running.last_seen_date
from described
inner join running
    on described.customer_key = running.customer_key and described.status_date = running.on_date and running.is_status
left join regions on described.known_region = regions.region
left join tiers on described.tier = tiers.tier
