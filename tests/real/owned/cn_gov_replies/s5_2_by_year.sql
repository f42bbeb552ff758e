-- Years of the place where the complaint was made; facts are in UTC.
select
    year(received_at at time zone 'UTC' at time zone 'Asia/Shanghai') as y,
    count(*) as n,
    round(median(date_diff('second', received_at, plan_fed_back_at)) / 86400, 3) as median_reply_d
from core.fct_complaints
where source = 'cn_gov_replies'
group by y
order by y
