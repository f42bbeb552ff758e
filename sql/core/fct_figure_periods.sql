-- Months and quarters that are over: were their figures there by the end of the third working day after?
-- grain: period_kind, period_start
-- A night has a period's figures when its as_of reaches the period's end. Periods that were due before the first night
-- are none of ours.
with
days as (
    select
        cast(date as date) as date,
        lower(is_working) = 'true' as is_working
    from raw.calendar_days
    where calendar_id = 'office'
),
run as (select * from raw.run),

published as (
    -- A replay of an earlier day knows nothing of later nights.
    select nights.as_of
    from raw.nights as nights
    inner join run on nights.as_of <= run.as_of
    union
    select as_of from run
),

nights as (
    select published.as_of at time zone 'UTC' at time zone run.business_timezone as reaches
    from published
    cross join run
),

reach as (select min(reaches) as first_reaches, max(reaches) as last_reaches from nights),

starts as (
    select 'month' as period_kind, date as period_start from days where extract(day from date) = 1
    union all
    select 'quarter', date from days where extract(day from date) = 1 and extract(month from date) in (1, 4, 7, 10)
),

periods as (
    select
        period_kind, period_start,
        lead(period_start) over (partition by period_kind order by period_start) as next_start
    from starts
),

working as (select date, row_number() over (order by date) as working_no from days where is_working),

-- The first working day from the period's end on is number one; the third is the last to be in time.
dues as (
    select periods.period_kind, periods.period_start, periods.next_start, min(working.working_no) + 2 as due_no
    from periods
    inner join working on working.date >= periods.next_start and working.date < cast(periods.next_start + interval '20 days' as date)
    group by periods.period_kind, periods.period_start, periods.next_start
),

due as (
    select dues.period_kind, dues.period_start, dues.next_start, working.date as due_date
    from dues
    inner join working on dues.due_no = working.working_no
),

judged as (
    select
        due.period_kind, due.period_start, due.next_start, due.due_date,
        count(nights.reaches) filter (
            where nights.reaches >= due.next_start and cast(nights.reaches as date) <= due.due_date
        ) > 0 as is_on_time
    from due
    cross join reach
    cross join nights
    where due.next_start <= reach.last_reaches and due.due_date >= cast(reach.first_reaches as date)
    group by due.period_kind, due.period_start, due.next_start, due.due_date
)

select
    'aftercare' as source, judged.period_kind, judged.period_start,
    cast(judged.next_start - interval '1 day' as date) as period_last_date, judged.due_date,
    'unknown' as region, 'unknown' as area, 'unknown' as tier, false as is_vip, 'unknown' as channel,
    'unknown' as customer_type, 'unknown' as product, 'unknown' as product_group,
    judged.is_on_time,
    judged.is_on_time or judged.due_date < cast(reach.last_reaches as date) as is_due
from judged
cross join reach
