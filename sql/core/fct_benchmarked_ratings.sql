-- Ratings beside the satisfaction that others report: the newest value known on the day of the rating.
-- grain: survey_key
-- by: survey_key
with
ratings as (select * from core.fct_survey_answers where is_rating),
benchmarks as (select * from staging.stg_benchmarks where kpi = 'csat'),
run as (select * from raw.run),

dated as (
    select
        benchmarks.benchmark_key, benchmarks.publisher, benchmarks.value,
        cast(benchmarks.valid_at at time zone 'UTC' at time zone run.business_timezone as date) as valid_date
    from benchmarks
    cross join run
),

matched as (
    select ratings.survey_key, dated.value, dated.publisher
    from ratings
    inner join dated on ratings.rated_date >= dated.valid_date
    qualify row_number() over (partition by ratings.survey_key order by dated.valid_date desc, dated.benchmark_key) = 1
)

select
    ratings.survey_key, ratings.source, ratings.rated_date,
    ratings.region, ratings.area, ratings.tier, ratings.is_vip, ratings.channel, ratings.customer_type,
    ratings.product, ratings.product_group, ratings.is_satisfied,
    matched.publisher, matched.value as benchmark_value,
    cast(case when ratings.is_satisfied then 1 else 0 end as decimal(18, 4)) - matched.value as lead_over_benchmark
from ratings
inner join matched on ratings.survey_key = matched.survey_key
