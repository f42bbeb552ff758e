-- Whether a solved ticket stayed solved, and whether one turn of an agent was enough.
-- grain: ticket_key
-- keep: build
-- by: ticket_key
-- near: core.fct_tickets_own.customer_key
-- moves: is_solve_maturing or is_24h_maturing
-- First-contact resolution looks 7 days past the first solve: no reopening, no new ticket of the same customer on the
-- same category, no field visit, exactly one agent turn. Only sources that export messages can say so.
with
run as (select as_of from raw.run),
tickets as (
    select tickets.*, run.as_of
    from core.fct_tickets_own as tickets
    cross join run
),

followed as (
    select distinct first_tickets.ticket_key
    from tickets as first_tickets
    inner join tickets as later
        on first_tickets.customer_key = later.customer_key
        and first_tickets.category = later.category
        and first_tickets.category <> 'unknown'
        and first_tickets.ticket_key <> later.ticket_key
        and later.created_at > first_tickets.first_solved_at
    where first_tickets.is_first_solved and later.is_counted
        and date_diff('second', first_tickets.first_solved_at, later.created_at) <= 7 * 86400
)

select
    tickets.ticket_key,
    tickets.is_reopen_matured as is_solved_matured,
    tickets.is_first_solved and not tickets.is_reopen_matured as is_solve_maturing,
    tickets.is_reopen_matured and tickets.is_reopened_within_7d as is_reopened,
    tickets.is_first_solved and tickets.has_messages and not tickets.has_visit as is_solved_remotely,
    tickets.is_reopen_matured and tickets.has_messages and not tickets.has_visit as is_contact_matured,
    tickets.is_first_solved and not tickets.is_reopen_matured and tickets.has_messages and not tickets.has_visit
        as is_contact_maturing,
    tickets.is_reopen_matured and tickets.has_messages and not tickets.has_visit
        and tickets.agent_turn_count = 1
        and not tickets.is_reopened_within_7d
        and followed.ticket_key is null as is_first_contact_resolved,
    -- 24 h and the 7 d that a reopening may take have both passed for every ticket that counts here.
    tickets.is_resolution_expected
        and date_diff('second', tickets.created_at, tickets.as_of) >= (24 * 3600 + 7 * 86400) as is_24h_matured,
    tickets.is_resolution_expected
        and date_diff('second', tickets.created_at, tickets.as_of) < (24 * 3600 + 7 * 86400) as is_24h_maturing,
    tickets.is_resolution_expected
        and date_diff('second', tickets.created_at, tickets.as_of) >= (24 * 3600 + 7 * 86400)
        and tickets.is_first_solved
        and date_diff('second', tickets.created_at, tickets.first_solved_at) <= 24 * 3600
        and not tickets.is_reopened_within_7d as is_solved_within_24h,
    followed.ticket_key is not null as is_repeated_within_7d
from tickets
left join followed on tickets.ticket_key = followed.ticket_key
