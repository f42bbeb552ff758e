-- Scenes of service by month: did each meet all of its own targets, this month and the one before?
-- grain: scene, month_start
-- Every month from the first case on has all four scenes. The targets are the absolute ones of sql/targets that hold
-- for the whole as the month begins; where one KPI has several lines, all of them. A month is decided once it is over
-- and none of its cases is pending in any scene: on the first cases to ripen a scene would pass and fail by chance. A
-- KPI without cases in a decided month is not met. Repairs are to be followed up in the month of their acceptance, so
-- that a late one does not open a month again.
with
tickets as (select * from core.fct_ticket_facts),
run as (select * from raw.run),

cases as (
    select 'consult' as scene, 'consult_resolution_rate' as kpi, created_date as case_date,
        is_consult_matured as is_counted, is_consult_resolved as is_met, is_consult_maturing as is_pending
    from tickets
    union all
    select 'service', 'solved_within_24h', created_date, is_24h_matured, is_solved_within_24h, is_24h_maturing
    from tickets
    where is_service
    union all
    select 'complaint', 'complaint_closure_rate', received_date, is_closure_matured, is_settled, is_closure_maturing
    from core.fct_complaints
    union all
    select 'complaint', 'complaint_within_24h', received_date, is_24h_due, is_within_24h, is_24h_waiting
    from core.fct_complaints
    union all
    select 'followup', 'follow_up_within_72h',
        cast(chains.accepted_at at time zone 'UTC' at time zone run.business_timezone as date),
        chains.is_follow_up_due, chains.is_followed_up_within_72h, chains.is_follow_up_waiting
    from core.fct_repair_chains as chains
    cross join run
    where chains.accepted_at is not null
),

wanted as (
    select 'consult' as scene, 'consult_resolution_rate' as kpi
    union all
    select 'service', 'solved_within_24h'
    union all
    select 'complaint', 'complaint_closure_rate'
    union all
    select 'complaint', 'complaint_within_24h'
    union all
    select 'followup', 'follow_up_within_72h'
),

first_months as (
    select cast(date_trunc('month', min(case_date)) as date) as first_month from cases where is_counted or is_pending
),

months as (
    select distinct clock.date as month_start, cast(clock.date + interval '1 month' as date) as next_start
    from core.dim_clock as clock
    cross join first_months
    cross join run
    where extract(day from clock.date) = 1 and clock.date >= first_months.first_month
        and clock.date <= cast(run.as_of at time zone 'UTC' at time zone run.business_timezone as date)
),

counted as (
    select
        scene, kpi, cast(date_trunc('month', case_date) as date) as month_start,
        count(*) filter (where is_counted) as denominator,
        count(*) filter (where is_counted and is_met) as numerator,
        count(*) filter (where is_pending) as pending_count
    from cases
    group by scene, kpi, cast(date_trunc('month', case_date) as date)
),

shares as (
    select
        months.month_start, months.next_start, wanted.scene, wanted.kpi,
        coalesce(counted.denominator, 0) as denominator, coalesce(counted.numerator, 0) as numerator,
        coalesce(counted.pending_count, 0) as pending_count
    from months
    cross join wanted
    left join counted
        on wanted.scene = counted.scene and wanted.kpi = counted.kpi and months.month_start = counted.month_start
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
        shares.scene, shares.kpi, shares.month_start, shares.next_start, shares.numerator, shares.denominator,
        shares.pending_count, max(targets.value) as target
    from shares
    left join targets
        on shares.kpi = targets.kpi
        and targets.valid_from <= shares.month_start and targets.valid_to > shares.month_start
    group by shares.scene, shares.kpi, shares.month_start, shares.next_start, shares.numerator, shares.denominator,
        shares.pending_count
),

judged as (
    select
        lines.scene, lines.month_start, lines.next_start, count(*) as kpi_count,
        count(*) filter (
            where lines.denominator > 0 and cast(lines.numerator as double) / lines.denominator >= lines.target
        ) as met_count,
        sum(lines.denominator) as case_count, sum(lines.pending_count) as pending_count
    from lines
    group by lines.scene, lines.month_start, lines.next_start
),

decided as (
    select
        judged.*,
        judged.next_start <= cast(run.as_of at time zone 'UTC' at time zone run.business_timezone as date)
            and sum(judged.pending_count) over (partition by judged.month_start) = 0 as is_decided
    from judged
    cross join run
),

run_on as (
    select
        *, is_decided and met_count = kpi_count as is_met,
        coalesce(lag(is_decided and met_count = kpi_count) over (partition by scene order by month_start), false)
            as was_met
    from decided
)

select
    'aftercare' as source, scene, month_start, kpi_count, met_count,
    cast(case_count as bigint) as case_count, is_met,
    is_met and was_met as is_passed, is_decided,
    'unknown' as region, 'unknown' as area, 'unknown' as tier, false as is_vip, 'unknown' as channel,
    'unknown' as customer_type, 'unknown' as product, 'unknown' as product_group
from run_on
