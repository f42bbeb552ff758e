-- Quality reviews of tickets, with the slices of their ticket and the agent it is credited to.
-- grain: review_key
-- A ticket reviewed again counts by its newest review that has a verdict.
with
reviews as (select * from staging.stg_qa_reviews),
tickets as (select * from core.fct_tickets_own),
credits as (select * from core.fct_agent_tickets_own),
sources as (select * from raw.sources),
staff as (select * from core.dim_staff),
run as (select * from raw.run),

named as (
    select
        reviews.source, reviews.review_key, reviews.ticket_key, reviews.reviewed_at, reviews.score, reviews.is_passed,
        cast(reviews.reviewed_at at time zone 'UTC' at time zone run.business_timezone as date) as reviewed_date,
        tickets.region, tickets.area, tickets.tier, tickets.is_vip, tickets.channel, tickets.customer_type,
        tickets.product, tickets.product_group, tickets.category, tickets.priority, tickets.team,
        -- A ticket reviewed before it was solved has no credit yet: the agent it is with answers for it.
        coalesce(credits.staff_key, sources.customer_namespace || ':' || tickets.agent_id, 'unknown') as staff_key
    from reviews
    cross join run
    inner join tickets on reviews.ticket_key = tickets.ticket_key
    inner join sources on tickets.source = sources.source
    left join credits on reviews.ticket_key = credits.ticket_key
)

select
    named.source, named.review_key, named.ticket_key, named.staff_key, named.reviewed_at, named.reviewed_date,
    named.score, named.is_passed,
    named.region, named.area, named.tier, named.is_vip, named.channel, named.customer_type,
    named.product, named.product_group, named.category, named.priority, named.team,
    coalesce(staff.outlet, 'unknown') as outlet, coalesce(staff.role, 'unknown') as role,
    named.is_passed is not null and row_number() over (
        partition by named.ticket_key, named.is_passed is null
        order by named.reviewed_at desc, named.review_key desc
    ) = 1 as is_last_review
from named
left join staff on named.staff_key = staff.staff_key
