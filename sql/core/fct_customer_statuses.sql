-- Customers at the end of each month and of the last complete day: what was known of each, and had happened, by then.
-- grain: customer_key, status_date
-- keep: view
-- The last 36 months. is_customer: had become one and was not lost. Rows of others stand for their points alone, for
-- having been one 365 days before, or for the month they joined in. A customer has no one channel or product.
with
dated as (
    select
        stretches.*, days.status_date, days.is_month_complete,
        coalesce(
            12 * extract(year from stretches.joined_date) + extract(month from stretches.joined_date) = days.month_no
            and stretches.joined_date <= days.status_date, false
        ) as is_new,
        date_diff('second', stretches.vip_since, days.ended_at) as vip_seconds
    from core.dim_status_days as days
    inner join core.fct_customer_stretches as stretches
        on stretches.from_no <= days.month_no and coalesce(stretches.to_no, 999999) >= days.month_no
)

select
    source, customer_key, status_date, is_month_complete,
    region, area, tier, is_vip, customer_type, segment,
    is_customer, joined_date, is_new, is_new and has_referrer as is_referred,
    is_business, has_account_manager, is_record_complete, is_core_year_ago, is_interviewed_365d,

    -- Two meetings a year, so one is due after half a year as a VIP, two after a whole one.
    case when vip_seconds >= 365 * 86400 then 2 when vip_seconds >= 183 * 86400 then 1 else 0 end as meeting_due_count,
    meeting_count_365d,

    points_balance, is_customer and has_points as is_enrolled, is_participant_365d,
    order_count, ticket_count, complaint_count, asset_count, tier_change_count, ticket_count_365d,
    last_score, last_seen_date
from dated
where is_customer or is_customer_year_ago or has_points or is_new
