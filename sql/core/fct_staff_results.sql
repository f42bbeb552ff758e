-- Everything that went well or not and that a person, and a team, answers for: one row a measure and unit.
-- grain: measure, unit_key
-- keep: view
-- response, resolution: as in core.fct_staff_tickets. kept: solves 7 days old that were not reopened. csat: ratings,
-- satisfied. All others as in core.fct_staff_cases. Whose: the agent who held the ticket at the solve, else the one it
-- is with; unknown if nobody. is_engineer: of somebody on the staff, in a visit.
with
results as (
    select
        'response' as measure, ticket_key as unit_key, staff_key, created_date as result_date,
        is_response_met as is_good, cast(null as decimal(18, 4)) as score,
        source, region, area, tier, is_vip, channel, customer_type, product, product_group, category, priority, team,
        role, outlet, false as is_engineer
    from core.fct_staff_tickets
    where is_response_due
    union all
    select
        'resolution', ticket_key, staff_key, created_date, is_resolved_for_good, null,
        source, region, area, tier, is_vip, channel, customer_type, product, product_group, category, priority, team,
        role, outlet, false
    from core.fct_staff_tickets
    where is_resolution_due
    union all
    select
        'kept', ticket_key, staff_key, solved_date, is_kept, null,
        source, region, area, tier, is_vip, channel, customer_type, product, product_group, category, priority, team,
        role, outlet, false
    from core.fct_agent_tickets
    where is_reopen_matured
    union all
    select
        'csat', ticket_key, staff_key, rated_date, is_satisfied, score,
        source, region, area, tier, is_vip, channel, customer_type, product, product_group, category, priority, team,
        role, outlet, false
    from core.fct_agent_tickets
    where is_rated
    union all
    select
        measure, unit_key, staff_key, result_date, is_good, score,
        source, region, area, tier, is_vip, channel, customer_type, product, product_group, category, priority, team,
        role, outlet, is_engineer
    from core.fct_staff_cases
)

select results.*, scorecard.team_weight, scorecard.star_weight, scorecard.engineer_weight
from results
left join core.dim_scorecard as scorecard on results.measure = scorecard.measure
