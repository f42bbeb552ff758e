-- What complaints are measured against: a row a complaint, a row a ticket, a row a customer active as a month begins.
-- grain: row_kind, unit_key, date
-- keep: view
-- Each row counts 1 in one of three columns, so that complaints, tickets and customers are cut by the same slices.
-- A customer has no one channel or product and a complaint without a ticket has neither: both read unknown there.
-- The customers are those of core.fct_customer_months, without what runs to as_of there.
select
    source, 'complaint' as row_kind, complaint_key as unit_key, received_date as date,
    region, area, tier, is_vip, channel, customer_type, product, product_group,
    1 as complaint_count, 0 as ticket_count, 0 as customer_count
from core.fct_complaints
where is_counted
union all
select
    source, 'ticket', ticket_key, created_date,
    region, area, tier, is_vip, channel, customer_type, product, product_group,
    0, 1, 0
from core.fct_ticket_facts
where is_counted
union all
select
    stretches.source, 'customer', stretches.customer_key, months.month_start,
    stretches.region, stretches.area, stretches.tier, stretches.is_vip, 'unknown', stretches.customer_type,
    'unknown', 'unknown',
    0, 0, 1
from core.fct_active_stretches as stretches
inner join core.dim_month_starts as months
    on stretches.first_no <= months.month_no and coalesce(stretches.last_no, 999999) >= months.month_no
