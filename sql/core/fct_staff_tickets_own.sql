-- Tickets that someone answers for: was the response due in time, and the matter due to be settled, and were they?
-- grain: ticket_key
-- keep: build
-- by: ticket_key
-- via: core.dim_staff.staff_key = self.staff_key
-- moves: in core.fct_tickets_own: created_at > old_as_of - interval 15 day
-- Response: due, answered in time. Resolution: 14 days old, solved within 7 days and not reopened within 7 more. Whose:
-- the agent who held the ticket at the solve, else the one it is with; unknown if nobody.
with
tickets as (select * from core.fct_tickets_own where is_counted),
credits as (select ticket_key, staff_key from core.fct_agent_tickets_own),
staff as (select * from core.dim_staff),
sources as (select * from raw.sources),

results as (
    select
        tickets.*,
        coalesce(credits.staff_key, sources.customer_namespace || ':' || tickets.agent_id, 'unknown') as staff_key,
        coalesce(tickets.response_state in ('met', 'breached', 'breached_open'), false) as is_response_due,
        tickets.is_resolution_expected and date_diff('second', tickets.created_at, run.as_of) >= 14 * 86400
            as is_resolution_due,
        tickets.is_first_solved and not tickets.is_reopened_within_7d
            and date_diff('second', tickets.created_at, tickets.first_solved_at) <= 7 * 86400 as is_resolved_for_good
    from tickets
    cross join raw.run as run
    inner join sources on tickets.source = sources.source
    left join credits on tickets.ticket_key = credits.ticket_key
)

select
    results.ticket_key, results.staff_key,
    coalesce(staff.role, 'unknown') as role, coalesce(staff.outlet, 'unknown') as outlet,
    results.is_response_due, results.is_resolution_due, results.is_resolved_for_good
from results
left join staff on results.staff_key = staff.staff_key
where results.is_response_due or results.is_resolution_due
