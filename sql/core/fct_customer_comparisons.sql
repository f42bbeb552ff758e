-- Where two sources speak of one customer: the value that is believed, and what each other source says.
-- grain: customer_key, column_name, other_source
-- by: customer_key
-- Case and blanks around a value make no difference. Nothing personal: no name, no contact data.
with
all_records as (select * from core.dim_customer_records),

shared as (select customer_key from all_records group by customer_key having count(distinct source) > 1),

records as (
    select all_records.*
    from all_records
    inner join shared on all_records.customer_key = shared.customer_key
),

told as (
    select customer_key, source, belief_no, 'tier' as column_name, told_tier as value from records
    union all
    select customer_key, source, belief_no, 'region', told_region from records
    union all
    select customer_key, source, belief_no, 'segment', told_segment from records
    union all
    select customer_key, source, belief_no, 'customer_type', told_customer_type from records
    union all
    select customer_key, source, belief_no, 'account_manager_id', told_account_manager_id from records
),

-- Of several ids of a person in one source, what is believed first of that source.
voices as (
    select customer_key, column_name, source, min_by(value, belief_no) as value, min(belief_no) as belief_no
    from told
    where trim(value) <> ''
    group by customer_key, column_name, source
),

ordered as (
    select *, row_number() over (partition by customer_key, column_name order by belief_no) as voice_no
    from voices
)

select
    others.customer_key,
    others.column_name,
    believed.source as believed_source,
    believed.value as believed_value,
    others.source as other_source,
    others.value as other_value,
    lower(trim(believed.value)) <> lower(trim(others.value)) as is_different
from ordered as others
inner join ordered as believed
    on others.customer_key = believed.customer_key and others.column_name = believed.column_name
where believed.voice_no = 1 and others.voice_no > 1
