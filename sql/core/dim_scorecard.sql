-- The measures of sql/policies/scorecard.csv, each with its weight in the scorecards of people and teams.
-- grain: measure
select
    measure,
    max(case when scorecard = 'team' then cast(weight as decimal(18, 4)) end) as team_weight,
    max(case when scorecard = 'star' then cast(weight as decimal(18, 4)) end) as star_weight,
    max(case when scorecard = 'engineer' then cast(weight as decimal(18, 4)) end) as engineer_weight
from raw.scorecard
group by measure
