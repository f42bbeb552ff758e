-- Service outlets, newest version.
-- grain: outlet_key
-- Instants are UTC. What lies after as_of has not happened yet: such rows, versions and instants are left out.
with
run as (select * from raw.run),

versions as (
    select outlets.*, run.as_of
    from raw.outlets as outlets
    cross join run
),

newest as (
    select *
    from versions
    qualify row_number() over (partition by source, outlet_id order by version_key desc, load_seq desc, source_row desc) = 1
)

select
    newest.source,
    newest.source || ':' || newest.outlet_id as outlet_key,
    newest.outlet_id,
    newest.outlet_name,
    newest.region,
    newest.area
from newest
