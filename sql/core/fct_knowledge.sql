-- The knowledge base and its use: each article on each of the last 1,096 days, and each solved ticket on its day.
-- grain: unit_key, date
-- An export names only the newest update of an article: on a day before it the article is judged by its creation, so
-- that the stale share of past days is the highest it can have been. Views have no dates: all stand on the first day.
with
articles as (select * from staging.stg_knowledge_articles),
solved as (select * from core.fct_agent_tickets_own),
days as (select distinct cast(date as date) as date from raw.calendar_days),
run as (
    select business_timezone, cast(as_of at time zone 'UTC' at time zone business_timezone as date) as as_of_date
    from raw.run
),

citations as (
    select
        article_key, solved_date,
        row_number() over (partition by article_key order by solved_date, ticket_key) as citation_no
    from solved
    where article_key is not null
),

reuses as (
    select
        article_key,
        min(case when citation_no = 1 then solved_date end) as first_cited_date,
        min(case when citation_no = 2 then solved_date end) as second_cited_date
    from citations
    group by article_key
),

dated as (
    select
        articles.source, articles.article_key, articles.views, run.as_of_date,
        cast(articles.created_at at time zone 'UTC' at time zone run.business_timezone as date) as created_date,
        cast(articles.updated_at at time zone 'UTC' at time zone run.business_timezone as date) as updated_date,
        reuses.first_cited_date, reuses.second_cited_date
    from articles
    cross join run
    left join reuses on articles.article_key = reuses.article_key
),

article_days as (
    select
        dated.*, days.date,
        coalesce(dated.created_date, dated.updated_date, dated.first_cited_date) as known_since,
        case when dated.updated_date <= days.date then dated.updated_date else dated.created_date end as changed_date
    from dated
    inner join days
        on date_diff('day', days.date, dated.as_of_date) between 1 and 1096
        and days.date >= coalesce(dated.created_date, dated.updated_date, dated.first_cited_date, days.date)
)

select
    source, article_key as unit_key, date, 'unknown' as region, 'unknown' as area, 'unknown' as tier, false as is_vip,
    'unknown' as channel, 'unknown' as customer_type, 'unknown' as product, 'unknown' as product_group,
    true as is_article, false as is_ticket,
    coalesce(date >= second_cited_date, false) as is_reused,
    changed_date is not null as is_dated,
    changed_date is not null and date_diff('day', changed_date, date) >= 365 as is_stale,
    cast(case when date = known_since then coalesce(views, 0) else 0 end as bigint) as view_count,
    cast(0 as bigint) as ticket_count
from article_days
union all
select
    source, ticket_key, solved_date, region, area, tier, is_vip, channel, customer_type, product, product_group,
    false, true, false, false, false, cast(0 as bigint), cast(1 as bigint)
from solved
