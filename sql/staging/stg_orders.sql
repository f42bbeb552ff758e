-- Orders of every source, newest version.
-- grain: order_key
-- Instants are UTC. What lies after as_of has not happened yet: such rows, versions and instants are left out.
with
run as (select * from raw.run),
sources as (select * from raw.sources),

versions as (
    select orders.*, run.as_of
    from raw.orders as orders
    cross join run
    where (updated_at is null or updated_at <= run.as_of) and ordered_at <= run.as_of
),

newest as (
    select *
    from versions
    qualify row_number() over (partition by source, order_id order by version_key desc, load_seq desc, source_row desc) = 1
)

select
    newest.source,
    newest.source || ':' || newest.order_id as order_key,
    newest.order_id,
    sources.customer_namespace || ':' || newest.customer_id as customer_key,
    newest.ordered_at,
    case when newest.paid_at <= newest.as_of then newest.paid_at end as paid_at,
    newest.amount,
    newest.currency,
    newest.order_kind,
    newest.status,
    newest.source || ':' || newest.product_id as product_key,
    newest.channel,
    newest.region
from newest
inner join sources on newest.source = sources.source
