-- Counted tickets as contacts of their customers: settled without any person?
-- grain: ticket_key
-- keep: build
-- by: ticket_key
-- moves: is_issue_maturing
with
tickets as (select * from core.fct_tickets_own where is_counted),
histories as (select * from core.fct_ticket_histories),
run as (select as_of from raw.run),

aged as (
    select
        tickets.ticket_key,
        coalesce(histories.is_solved_by_machine and not histories.is_solved_by_agent, false)
            and tickets.agent_turn_count = 0 and not tickets.has_visit and tickets.is_resolved as is_self_solved,
        cast(date_diff('second', tickets.created_at, run.as_of) as bigint) as age_seconds
    from tickets
    cross join run
    left join histories on tickets.ticket_key = histories.ticket_key
)

select
    ticket_key, is_self_solved, age_seconds >= 24 * 3600 as is_issue_matured,
    age_seconds < 24 * 3600 as is_issue_maturing
from aged
