-- What each source brings: rows by dataset, and what only some sources say within a dataset.
-- grain: dataset, source
-- Within datasets, the rows that say something not every source says:
--   replies           tickets or events that tell when an agent answered
--   status_history    events that carry a status
--   ratings           scores, in surveys or on the tickets themselves
--   ticket_agents     tickets or events that name an agent
--   team_history      events that name a team
--   escalations, notices  events of that type
--   flows, knowledge_links  tickets that name their flow, or the article they were answered with
--   referrals, segments     customers with who referred them, or with their segment
--   account_managers, customer_phones  customers with an account manager, or with a phone number
--   warranties        assets with the end of the warranty
--   promised_windows  visits with the end of the promised window
--   graded_complaints complaints with the instant of grading
--   complaint_owners  complaints with their first owner
--   acceptances       visits that the customer accepted
--   diagnoses         visits with a first diagnosis
--   survey_followups  surveys with the instant of a follow-up
with
tickets as (select * from staging.stg_tickets),
ticket_events as (select * from staging.stg_ticket_events),

reply_sources as (
    select source, count(*) as row_count
    from ticket_events
    where event_type in ('message', 'call') and actor_role = 'agent'
    group by source
    union all
    select source, count(*) as row_count
    from tickets
    where first_response_at is not null
    group by source
),

counted as (
    select 'customers' as dataset, source, count(*) as row_count from staging.stg_customer_records group by source
    union all
    select 'customer_tier_history', source, count(*) from staging.stg_customer_tier_history group by source
    union all
    select 'customer_links', source, count(*) from staging.stg_customer_links group by source
    union all
    select 'products', source, count(*) from staging.stg_products group by source
    union all
    select 'assets', source, count(*) from staging.stg_assets group by source
    union all
    select 'orders', source, count(*) from staging.stg_orders group by source
    union all
    select 'order_items', source, count(*) from staging.stg_order_items group by source
    union all
    select 'tickets', source, count(*) from tickets group by source
    union all
    select 'ticket_events', source, count(*) from ticket_events group by source
    union all
    select 'complaints', source, count(*) from staging.stg_complaints group by source
    union all
    select 'surveys', source, count(*) from staging.stg_surveys group by source
    union all
    select 'survey_answers', source, count(*) from staging.stg_survey_answers group by source
    union all
    select 'visits', source, count(*) from staging.stg_visits group by source
    union all
    select 'outlets', source, count(*) from staging.stg_outlets group by source
    union all
    select 'calls', source, count(*) from staging.stg_calls group by source
    union all
    select 'chat_sessions', source, count(*) from staging.stg_chat_sessions group by source
    union all
    select 'interactions', source, count(*) from staging.stg_interactions group by source
    union all
    select 'points_ledger', source, count(*) from staging.stg_points_ledger group by source
    union all
    select 'staff', source, count(*) from staging.stg_staff group by source
    union all
    select 'staff_assessments', source, count(*) from staging.stg_staff_assessments group by source
    union all
    select 'training', source, count(*) from staging.stg_training group by source
    union all
    select 'roster', source, count(*) from staging.stg_roster group by source
    union all
    select 'parts_usage', source, count(*) from staging.stg_parts_usage group by source
    union all
    select 'replacements', source, count(*) from staging.stg_replacements group by source
    union all
    select 'iot_alerts', source, count(*) from staging.stg_iot_alerts group by source
    union all
    select 'knowledge_articles', source, count(*) from staging.stg_knowledge_articles group by source
    union all
    select 'qa_reviews', source, count(*) from staging.stg_qa_reviews group by source
    union all
    select 'social_mentions', source, count(*) from staging.stg_social_mentions group by source
    union all
    select 'pain_points', source, count(*) from staging.stg_pain_points group by source
    union all
    select 'pilots', source, count(*) from staging.stg_pilots group by source
    union all
    select 'benchmarks', source, count(*) from staging.stg_benchmarks group by source
    union all
    select 'replies', source, sum(row_count) from reply_sources group by source
    union all
    select 'status_history', source, count(*) from ticket_events where status is not null group by source
    union all
    select 'ratings', source, sum(row_count)
    from (
        select source, count(*) as row_count from staging.stg_survey_answers group by source
        union all
        select source, count(*) as row_count from tickets where csat_score is not null group by source
    ) as scores
    group by source
    union all
    select 'ticket_agents', source, sum(row_count)
    from (
        select source, count(*) as row_count from tickets where agent_id is not null group by source
        union all
        select source, count(*) as row_count from ticket_events where agent_id is not null group by source
    ) as named
    group by source
    union all
    select 'team_history', source, count(*) from ticket_events where team is not null group by source
    union all
    select 'escalations', source, count(*) from ticket_events where event_type = 'escalated' group by source
    union all
    select 'notices', source, count(*) from ticket_events where event_type = 'notice' group by source
    union all
    select 'flows', source, count(*) from tickets where flow_id is not null group by source
    union all
    select 'knowledge_links', source, count(*) from tickets where knowledge_id is not null group by source
    union all
    select 'referrals', source, count(*) from staging.stg_customer_records where referred_by is not null group by source
    union all
    select 'segments', source, count(*) from staging.stg_customer_records where segment is not null group by source
    union all
    select 'account_managers', source, count(*)
    from staging.stg_customer_records
    where account_manager_id is not null
    group by source
    union all
    select 'customer_phones', source, count(*) from staging.stg_customer_records where has_phone group by source
    union all
    select 'warranties', source, count(*) from staging.stg_assets where warranty_end_at is not null group by source
    union all
    select 'promised_windows', source, count(*) from staging.stg_visits where promised_to_at is not null group by source
    union all
    select 'survey_followups', source, count(*) from staging.stg_surveys where followup_at is not null group by source
    union all
    select 'graded_complaints', source, count(*) from staging.stg_complaints where graded_at is not null group by source
    union all
    select 'complaint_owners', source, count(*)
    from staging.stg_complaints
    where first_owner_id is not null
    group by source
    union all
    select 'acceptances', source, count(*) from staging.stg_visits where accepted_at is not null group by source
    union all
    select 'diagnoses', source, count(*) from staging.stg_visits where diagnosis_code is not null group by source
)

select dataset, source, cast(row_count as bigint) as row_count
from counted
