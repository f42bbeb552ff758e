-- Solved tickets, each credited to the one agent who held it when it was first solved, with what became of it.
-- grain: ticket_key
-- keep: build
-- by: ticket_key
-- via: core.dim_staff.staff_key = self.staff_key
-- Who held it: the last event that puts somebody in charge, at or before the solve; without one the last agent who
-- wrote; with neither, and unless it was ever assigned, the ticket's own agent. Moved on, it credits who solved it.
with
tickets as (select * from core.fct_tickets_own where is_first_solved),
events as (select * from staging.stg_ticket_events where agent_id is not null),
histories as (select * from core.fct_ticket_histories),
cited as (select source, ticket_key, source || ':' || knowledge_id as article_key from staging.stg_tickets),
answers as (select * from core.fct_survey_answers where is_rating and ticket_key is not null),
staff as (select * from core.dim_staff),
reviewed as (select distinct ticket_key from staging.stg_qa_reviews),
sources as (select * from raw.sources),
run as (select * from raw.run),

holders as (
    select
        tickets.ticket_key, tickets.first_solved_at, histories.only_holder_id,
        coalesce(histories.first_held_at <= tickets.first_solved_at and histories.only_holder_id is not null, false)
            as is_clear
    from tickets
    inner join histories on tickets.ticket_key = histories.ticket_key
    where histories.has_holder
),

-- Only where several held a ticket, their events have to be put in order.
read_holders as (
    select events.ticket_key, events.agent_id
    from events
    inner join holders on events.ticket_key = holders.ticket_key and events.occurred_at <= holders.first_solved_at
    where not holders.is_clear and (events.event_type not in ('message', 'call') or events.actor_role = 'agent')
    qualify row_number() over (
        partition by events.ticket_key
        order by
            case when events.event_type in ('message', 'call') then 1 else 0 end,
            events.event_seq desc, events.occurred_at desc, events.event_type
    ) = 1
),

held as (
    select ticket_key, only_holder_id as agent_id from holders where is_clear
    union all
    select ticket_key, agent_id from read_holders
),

-- Where a ticket was handed on, its own agent is the last one, not the one who solved it.
handed_on as (select ticket_key from histories where is_handed_on),

credited as (
    select
        tickets.*,
        sources.customer_namespace || ':'
            || coalesce(held.agent_id, case when handed_on.ticket_key is null then tickets.agent_id end) as held_key
    from tickets
    inner join sources on tickets.source = sources.source
    left join held on tickets.ticket_key = held.ticket_key
    left join handed_on on tickets.ticket_key = handed_on.ticket_key
)

select
    credited.source, credited.ticket_key, credited.ticket_id, coalesce(credited.held_key, 'unknown') as staff_key,
    credited.created_date, credited.first_solved_at as solved_at,
    cast(credited.first_solved_at at time zone 'UTC' at time zone run.business_timezone as date) as solved_date,
    credited.region, credited.area, credited.tier, credited.is_vip, credited.channel, credited.customer_type,
    credited.product, credited.product_group, credited.category, credited.priority, credited.kind, credited.team,
    coalesce(staff.role, 'unknown') as role, coalesce(staff.outlet, 'unknown') as outlet,
    cited.article_key, cited.article_key is not null as has_article,
    reviewed.ticket_key is not null as is_reviewed,
    credited.is_reopen_matured,
    credited.is_reopen_matured and not credited.is_reopened_within_7d as is_kept,
    answers.rated_date, answers.score,
    answers.survey_key is not null as is_rated,
    coalesce(answers.is_satisfied, false) as is_satisfied
from credited
cross join run
left join cited on credited.ticket_key = cited.ticket_key
left join answers on credited.ticket_key = answers.ticket_key
left join staff on credited.held_key = staff.staff_key
left join reviewed on credited.ticket_key = reviewed.ticket_key
