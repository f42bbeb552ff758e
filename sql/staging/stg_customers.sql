-- Customers, one row an id: of the sources that know it, the one believed first; others fill what it leaves empty.
-- grain: customer_key
-- by: customer_key
-- Column by column, so that a source that has no phone numbers does not hide those of another. Not churned_at: where a
-- source tells of losses, an empty one means that there was none (core.dim_customers).
with
records as (select * from staging.stg_customer_records)

select
    min_by(source, belief_no) as source,
    customer_key,
    min_by(customer_id, belief_no) as customer_id,
    min_by(name, belief_no) filter (where name is not null) as name,
    min_by(customer_type, belief_no) filter (where customer_type is not null) as customer_type,
    min_by(tier, belief_no) filter (where tier is not null) as tier,
    min_by(is_core, belief_no) filter (where is_core is not null) as is_core,
    min_by(segment, belief_no) filter (where segment is not null) as segment,
    min_by(region, belief_no) filter (where region is not null) as region,
    min_by(city, belief_no) filter (where city is not null) as city,
    min_by(account_manager_id, belief_no) filter (where account_manager_id is not null) as account_manager_id,
    min_by(signup_at, belief_no) filter (where signup_at is not null) as signup_at,
    min_by(birthday, belief_no) filter (where birthday is not null) as birthday,
    min_by(referred_by, belief_no) filter (where referred_by is not null) as referred_by,
    min_by(phone, belief_no) filter (where phone is not null) as phone,
    min_by(email, belief_no) filter (where email is not null) as email,
    min_by(address, belief_no) filter (where address is not null) as address
from records
group by customer_key
