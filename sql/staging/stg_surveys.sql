-- Surveys sent, newest version.
-- grain: survey_key
-- Instants are UTC. What lies after as_of has not happened yet: such rows, versions and instants are left out.
with
run as (select * from raw.run),
sources as (select * from raw.sources),

versions as (
    select surveys.*, run.as_of
    from raw.surveys as surveys
    cross join run
),

newest as (
    select *
    from versions
    qualify row_number() over (partition by source, survey_id order by version_key desc, load_seq desc, source_row desc) = 1
)

select
    newest.source,
    newest.source || ':' || newest.survey_id as survey_key,
    newest.survey_id,
    newest.kind,
    newest.source || ':' || newest.ticket_id as ticket_key,
    sources.customer_namespace || ':' || newest.customer_id as customer_key,
    newest.source || ':' || newest.order_id as order_key,
    newest.channel,
    case when newest.sent_at <= newest.as_of then newest.sent_at end as sent_at,
    case when newest.responded_at <= newest.as_of then newest.responded_at end as responded_at,
    case when newest.followup_at <= newest.as_of then newest.followup_at end as followup_at
from newest
inner join sources on newest.source = sources.source
