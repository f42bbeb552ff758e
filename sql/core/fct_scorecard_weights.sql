-- The weights of sql/policies/scorecard.csv as they stand, on each day: a policy has no events of its own.
-- grain: scorecard, measure, date
with
weights as (select * from raw.scorecard),
days as (select distinct cast(date as date) as date from raw.calendar_days),
run as (
    select cast(as_of at time zone 'UTC' at time zone business_timezone as date) as as_of_date from raw.run
)

select
    weights.scorecard, weights.measure, days.date,
    'unknown' as source, 'unknown' as region, 'unknown' as area, 'unknown' as tier, false as is_vip,
    'unknown' as channel, 'unknown' as customer_type, 'unknown' as product, 'unknown' as product_group,
    cast(weights.weight as decimal(18, 4)) as weight,
    lower(weights.is_quality) = 'true' as is_quality,
    -- What the validator adds up: the weights of the teams' scorecard alone.
    case when weights.scorecard = 'team' then cast(weights.weight as decimal(18, 4)) else 0 end as team_weight,
    case when weights.scorecard = 'team' and lower(weights.is_quality) = 'true'
        then cast(weights.weight as decimal(18, 4)) else 0 end as team_quality_weight
from weights
cross join days
cross join run
where date_diff('day', days.date, run.as_of_date) between 1 and 1096
