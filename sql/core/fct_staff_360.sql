-- 360° ratings of each person by quarter: the mean of each side, and all sides weighted by sql/policies/scorecard.csv.
-- grain: staff_key, quarter_start
-- Fewer than 3 colleagues could be told apart: then neither their mean nor the score it would be part of is known.
-- A side that nobody spoke for has no weight; what a person says of himself is shown and never weighs.
with
ratings as (select * from staging.stg_staff_assessments where kind = '360' and score is not null),
staff as (select * from core.dim_staff),
weights as (
    select measure as rater_role, cast(weight as decimal(18, 4)) as weight
    from raw.scorecard
    where scorecard = '360'
),
run as (select * from raw.run),

dated as (
    select
        ratings.source, ratings.staff_key, ratings.rater_role, ratings.score,
        cast(ratings.assessed_at at time zone 'UTC' at time zone run.business_timezone as date) as assessed_date
    from ratings
    cross join run
),

sides as (
    select
        staff_key, cast(date_trunc('quarter', assessed_date) as date) as quarter_start, rater_role,
        min(source) as source, max(assessed_date) as last_rated_date,
        count(*) as rater_count, cast(sum(score) as double) / count(*) as mean_score
    from dated
    group by staff_key, cast(date_trunc('quarter', assessed_date) as date), rater_role
),

people as (
    select
        sides.staff_key, sides.quarter_start, min(sides.source) as source, max(sides.last_rated_date) as rated_date,
        sum(case when sides.rater_role = 'customer' then sides.rater_count else 0 end) as customer_count,
        sum(case when sides.rater_role = 'colleague' then sides.rater_count else 0 end) as colleague_count,
        sum(case when sides.rater_role = 'manager' then sides.rater_count else 0 end) as manager_count,
        sum(case when sides.rater_role = 'self' then sides.rater_count else 0 end) as self_count,
        max(case when sides.rater_role = 'customer' then sides.mean_score end) as customer_mean,
        max(case when sides.rater_role = 'colleague' and sides.rater_count >= 3 then sides.mean_score end)
            as colleague_mean,
        max(case when sides.rater_role = 'manager' then sides.mean_score end) as manager_mean,
        max(case when sides.rater_role = 'self' then sides.mean_score end) as self_mean,
        sum(cast(weights.weight * cast(sides.mean_score as decimal(18, 4)) as decimal(28, 8))) as weighted,
        sum(weights.weight) as weight
    from sides
    left join weights on sides.rater_role = weights.rater_role
    group by sides.staff_key, sides.quarter_start
)

select
    people.source, people.staff_key, people.quarter_start, people.rated_date,
    coalesce(staff.region, 'unknown') as region, coalesce(staff.area, 'unknown') as area,
    'unknown' as tier, false as is_vip, 'unknown' as channel, 'unknown' as customer_type,
    'unknown' as product, 'unknown' as product_group,
    coalesce(staff.team, 'unknown') as team, coalesce(staff.outlet, 'unknown') as outlet,
    coalesce(staff.role, 'unknown') as role,
    cast(people.customer_count as bigint) as customer_count, cast(people.colleague_count as bigint) as colleague_count,
    cast(people.manager_count as bigint) as manager_count, cast(people.self_count as bigint) as self_count,
    people.customer_mean, people.colleague_mean, people.manager_mean, people.self_mean,
    people.colleague_count >= 3 and people.weight > 0 as is_shown,
    case when people.colleague_count >= 3 and people.weight > 0
        then cast(cast(people.weighted as double) / cast(people.weight as double) as decimal(18, 4)) end as score_360
from people
left join staff on people.staff_key = staff.staff_key
