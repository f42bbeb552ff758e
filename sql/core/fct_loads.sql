-- Files that were loaded: how many of their rows may count, by the last day that they tell of.
-- grain: load_id
with
loads as (select * from raw.loads),
run as (select * from raw.run)

select
    loads.load_id, loads.source, coalesce(loads.feed, 'unknown') as feed,
    -- Data through midnight are those of the day before.
    cast((coalesce(loads.data_through, run.as_of) - interval '1 second')
        at time zone 'UTC' at time zone run.business_timezone as date) as data_date,
    'unknown' as region, 'unknown' as area, 'unknown' as tier, false as is_vip, 'unknown' as channel,
    'unknown' as customer_type, 'unknown' as product, 'unknown' as product_group,
    loads.rows_read, loads.rows_loaded, loads.rows_quarantined, loads.rows_duplicate,
    loads.rows_read - loads.rows_quarantined as rows_accepted
from loads
cross join run
where loads.rows_read is not null
