-- The reply is what was fed back to the citizen; whether that settled the matter nobody says.
select
    count(*) as n,
    count(distinct customer_key) as users,
    round(median(date_diff('second', received_at, plan_fed_back_at)) / 86400, 3) as median_reply_d,
    round(avg(date_diff('second', received_at, plan_fed_back_at)) / 86400, 3) as mean_reply_d,
    round(quantile_cont(date_diff('second', received_at, plan_fed_back_at), 0.9) / 86400, 3) as p90_reply_d,
    round(100 * avg((date_diff('second', received_at, plan_fed_back_at) <= 15 * 86400)::int), 2) as within_15d_pct,
    round(100 * avg((date_diff('second', received_at, plan_fed_back_at) <= 30 * 86400)::int), 2) as within_30d_pct
from core.fct_complaints
where source = 'cn_gov_replies'
