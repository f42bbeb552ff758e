-- Regions as written in the exports, each with its area (大区).
-- grain: region
select region, coalesce(nullif(area, ''), 'unknown') as area
from raw.regions
