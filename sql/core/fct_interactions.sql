-- Planned and held contacts with customers: care, coupons, interviews, inspections, follow-ups, training.
-- grain: interaction_key
-- by: interaction_key
-- via: core.dim_customer_ids.named_key = staging.stg_interactions.customer_key
-- via: core.dim_customers.customer_key = self.customer_key
-- via: core.dim_tier_spans.customer_key = self.customer_key
-- moves: due_at > old_as_of - interval 3 day or is_coupon_maturing
-- A contact is due once its whole local day has passed, and on time when it was held on that day or before: who plans
-- by the day must not be late at a minute past midnight. Slices are those of the day it was held, else planned for.
with
interactions as (select * from staging.stg_interactions),
customer_ids as (select * from core.dim_customer_ids),
customers as (select * from core.dim_customers),
tier_spans as (select * from core.dim_tier_spans),
regions as (select * from core.dim_regions),
tiers as (select tier, lower(is_vip) = 'true' as is_vip from raw.tiers),
run as (select * from raw.run),

dated as (
    select
        interactions.*,
        coalesce(customer_ids.customer_key, interactions.customer_key) as person_key,
        coalesce(interactions.occurred_at, interactions.due_at) as contact_at,
        run.as_of,
        cast(interactions.due_at at time zone 'UTC' at time zone run.business_timezone as date) as due_date,
        cast(interactions.occurred_at at time zone 'UTC' at time zone run.business_timezone as date) as occurred_date,
        cast(run.as_of at time zone 'UTC' at time zone run.business_timezone as date) as today
    from interactions
    cross join run
    left join customer_ids on interactions.customer_key = customer_ids.named_key
),

judged as (
    select
        *,
        coalesce(due_date < today, false) as is_due,
        coalesce(occurred_date <= due_date, false) as is_on_time,
        occurred_at is not null and (kind = 'coupon' or coupon_id is not null) as is_coupon_given,
        coalesce(date_diff('second', occurred_at, coupon_used_at) <= 30 * 86400 and coupon_used_at >= occurred_at, false)
            as is_coupon_used_in_time
    from dated
)

select
    judged.source, judged.interaction_key, judged.person_key as customer_key, judged.staff_key, judged.kind,
    judged.due_at, judged.due_date, judged.occurred_at, judged.occurred_date,
    coalesce(judged.occurred_date, judged.due_date) as contact_date,
    coalesce(tier_spans.region, 'unknown') as region, coalesce(regions.area, 'unknown') as area,
    coalesce(tier_spans.tier, 'unknown') as tier, coalesce(tiers.is_vip, false) as is_vip,
    -- A contact is about the customer, not about one ticket or product.
    coalesce(customers.customer_type, 'unknown') as customer_type,
    judged.occurred_at is not null as is_held,
    -- A visit (拜访) is face to face unless the export says otherwise.
    judged.occurred_at is not null and coalesce(judged.is_in_person, judged.kind = 'visit') as is_in_person,
    judged.kind = 'inspection' and judged.is_due as is_inspection_due,
    judged.kind = 'inspection' and judged.is_due and judged.is_on_time as is_inspection_on_time,
    judged.kind = 'followup' and judged.is_due as is_followup_due,
    judged.kind = 'followup' and judged.is_due and judged.is_on_time as is_followup_on_time,
    judged.coupon_used_at, judged.is_coupon_given,
    judged.is_coupon_given and date_diff('second', judged.occurred_at, judged.as_of) >= 30 * 86400 as is_coupon_matured,
    judged.is_coupon_given and date_diff('second', judged.occurred_at, judged.as_of) < 30 * 86400 as is_coupon_maturing,
    judged.is_coupon_given and judged.is_coupon_used_in_time as is_coupon_used_30d
from judged
left join customers on judged.person_key = customers.customer_key
left join tier_spans
    on judged.person_key = tier_spans.customer_key
    and judged.contact_at >= tier_spans.valid_from and judged.contact_at < tier_spans.valid_to
left join regions on tier_spans.region = regions.region
left join tiers on tier_spans.tier = tiers.tier
