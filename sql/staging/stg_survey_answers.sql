-- Answers given in surveys, one row a dimension asked about.
-- grain: survey_key, dimension
-- Instants are UTC. What lies after as_of has not happened yet: such rows, versions and instants are left out.
with
run as (select * from raw.run),

versions as (
    select survey_answers.*, run.as_of
    from raw.survey_answers as survey_answers
    cross join run
),

newest as (
    select *
    from versions
    qualify row_number() over (partition by source, survey_id, dimension order by version_key desc, load_seq desc, source_row desc) = 1
)

select
    newest.source,
    newest.source || ':' || newest.survey_id as survey_key,
    newest.dimension,
    newest.score,
    newest.scale_min,
    newest.scale_max,
    newest.comment
from newest
