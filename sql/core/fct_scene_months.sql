-- Scenes of service by month: did each meet all of its own targets, this month and the one before?
-- grain: scene, month_start
-- The targets are the absolute ones of sql/targets that hold for the whole on the month's last day; where one KPI has
-- several lines, all of them. A month without matured cases of a KPI says nothing and is not met.
with
cases as (
    select 'consult' as scene, 'consult_resolution_rate' as kpi, created_date as case_date,
        is_consult_matured as is_counted, is_consult_resolved as is_met
    from core.fct_ticket_traits
    union all
    select 'service', 'solved_within_24h', created_date, is_24h_matured, is_solved_within_24h
    from core.fct_ticket_outcomes
    union all
    select 'complaint', 'complaint_closure_rate', received_date, is_closure_matured, is_settled
    from core.fct_complaints
    union all
    select 'complaint', 'complaint_within_24h', received_date, is_24h_due, is_within_24h
    from core.fct_complaints
    union all
    select 'followup', 'follow_up_within_72h', created_date, is_follow_up_due, is_followed_up_within_72h
    from core.fct_repair_chains
),

shares as (
    select
        scene, kpi, cast(date_trunc('month', case_date) as date) as month_start,
        count(*) as denominator, count(*) filter (where is_met) as numerator
    from cases
    where is_counted
    group by scene, kpi, cast(date_trunc('month', case_date) as date)
),

targets as (
    select
        kpi, cast(value as double) as value, cast(valid_from as date) as valid_from,
        coalesce(try_cast(nullif(valid_to, '') as date), cast('2999-12-31' as date)) as valid_to
    from raw.targets
    where kind = 'absolute' and operator = '>=' and coalesce(scope_dimension, '') = ''
),

lines as (
    select
        shares.scene, shares.kpi, shares.month_start, shares.numerator, shares.denominator,
        max(targets.value) as target
    from shares
    left join targets
        on shares.kpi = targets.kpi
        and targets.valid_from <= shares.month_start and targets.valid_to > shares.month_start
    group by shares.scene, shares.kpi, shares.month_start, shares.numerator, shares.denominator
),

wanted as (select scene, count(distinct kpi) as kpi_count from cases group by scene),

months as (
    select
        lines.scene, lines.month_start, wanted.kpi_count, count(*) as judged_count,
        count(*) filter (
            where lines.target is not null and cast(lines.numerator as double) / lines.denominator >= lines.target
        ) as met_count,
        sum(lines.denominator) as case_count
    from lines
    inner join wanted on lines.scene = wanted.scene
    group by lines.scene, lines.month_start, wanted.kpi_count
),

judged as (
    select
        *,
        judged_count = kpi_count and met_count = kpi_count as is_met,
        lag(month_start) over (partition by scene order by month_start) as month_before,
        lag(judged_count = kpi_count and met_count = kpi_count) over (partition by scene order by month_start)
            as was_met
    from months
)

select
    'aftercare' as source, judged.scene, judged.month_start, judged.kpi_count, judged.met_count,
    cast(judged.case_count as bigint) as case_count, judged.is_met,
    judged.is_met and coalesce(judged.was_met, false)
        and judged.month_before = cast(judged.month_start - interval '1 month' as date) as is_passed,
    judged.judged_count = judged.kpi_count as is_judged,
    'unknown' as region, 'unknown' as area, 'unknown' as tier, false as is_vip, 'unknown' as channel,
    'unknown' as customer_type, 'unknown' as product, 'unknown' as product_group
from judged
