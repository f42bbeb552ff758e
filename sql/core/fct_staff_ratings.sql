-- Ratings of solved tickets beside those of peers: how people start, and what training changed.
-- grain: ticket_key
-- Whose: the agent who held the ticket at the solve. Peers are people of the same role who never took a course, in the
-- same calendar month. Months of tenure are 30 days.
with
staff as (select * from core.dim_staff),

placed as (
    select
        credits.ticket_key, credits.staff_key, credits.rated_date as result_date, credits.is_satisfied, credits.score,
        credits.source, credits.region, credits.area, credits.tier, credits.is_vip, credits.channel,
        credits.customer_type, credits.product, credits.product_group, credits.category, credits.priority, credits.team,
        credits.role, credits.outlet,
        cast(date_trunc('month', credits.rated_date) as date) as result_month,
        cast(date_trunc('month', staff.hired_date) as date) as hire_month,
        date_diff('day', staff.hired_date, credits.rated_date) as tenure_days,
        staff.first_course_date,
        date_diff('day', staff.first_course_date, credits.rated_date) as training_days,
        staff.staff_key is not null as is_on_staff
    from core.fct_agent_tickets_own as credits
    left join staff on credits.staff_key = staff.staff_key
    where credits.is_rated
),

tenured as (
    select
        *,
        case when tenure_days between 0 and 29 then 1 when tenure_days between 30 and 59 then 2
            when tenure_days between 60 and 89 then 3 end as tenure_month
    from placed
),

peers as (
    select role, result_month, cast(sum(score) as double) as score_sum, count(*) as rating_count
    from tenured
    where is_on_staff and first_course_date is null
    group by role, result_month
),

starts as (
    select hire_month, cast(sum(score) as double) as score_sum, count(*) as rating_count
    from tenured
    where tenure_month = 1
    group by hire_month
)

select
    tenured.ticket_key, tenured.staff_key, tenured.result_date, tenured.is_satisfied, tenured.score,
    tenured.source, tenured.region, tenured.area, tenured.tier, tenured.is_vip, tenured.channel,
    tenured.customer_type, tenured.product, tenured.product_group, tenured.category, tenured.priority, tenured.team,
    tenured.role, tenured.outlet, tenured.hire_month, tenured.tenure_month,
    starts.hire_month is not null and coalesce(tenured.tenure_month in (1, 3), false) as is_ramp_compared,
    -- Better or worse than the cohort's first month, as a share of it.
    cast(cast(tenured.score as double) / (starts.score_sum / starts.rating_count) - 1 as decimal(18, 6))
        as score_over_start,
    cast(date_trunc('month', tenured.first_course_date) as date) as training_month,
    coalesce(tenured.training_days between 1 and 90, false) as is_after_training,
    peers.role is not null
        and coalesce(tenured.training_days between -90 and -1 or tenured.training_days between 1 and 90, false)
        as is_training_compared,
    cast(cast(tenured.score as double) / (peers.score_sum / peers.rating_count) - 1 as decimal(18, 6))
        as score_over_peers
from tenured
left join peers on tenured.role = peers.role and tenured.result_month = peers.result_month
left join starts on tenured.hire_month = starts.hire_month
