-- Customers of every source: the newest version of each, as of the run.
-- grain: customer_key
-- Instants are UTC. What lies after as_of has not happened yet: such rows, versions and instants are left out.
with
run as (select * from raw.run),
sources as (select * from raw.sources),

versions as (
    select customers.*, run.as_of
    from raw.customers as customers
    cross join run
    where (updated_at is null or updated_at <= run.as_of)
),

newest as (
    select *
    from versions
    qualify row_number() over (partition by source, customer_id order by version_key desc, load_seq desc, source_row desc) = 1
)

select
    newest.source,
    sources.customer_namespace || ':' || newest.customer_id as customer_key,
    newest.customer_id,
    newest.name,
    newest.customer_type,
    newest.tier,
    newest.is_core,
    newest.segment,
    newest.region,
    newest.city,
    newest.account_manager_id,
    case when newest.signup_at <= newest.as_of then newest.signup_at end as signup_at,
    case when newest.churned_at <= newest.as_of then newest.churned_at end as churned_at,
    newest.birthday,
    newest.referred_by,
    newest.phone,
    newest.email,
    newest.address
from newest
inner join sources on newest.source = sources.source
