"""The exports of the day after: so many per cent new and changed rows of every feed that moves from day to day.

New: recent tickets happen again on that day, with their events and visits; orders and customers likewise. Changed:
open tickets are solved, old ones filed under another category, customers reach another tier, surveys are answered.
The small kinds (complaints, links, products, outlets, assets) do not move.
"""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb

from ingestion.sqltext import literal

if TYPE_CHECKING:
    from collections.abc import Mapping

_MOMENTS = ("created_at", "first_response_at", "resolved_at", "closed_at")


def write(exports: Path, folder: Path, *, last: date, share: float = 0.01) -> Mapping[str, int]:
    """Write one day's files of the source `sample` below `folder`; returns their rows by feed.

    Args:
        exports: a folder that `aftercare samples --core-only` wrote, whose last day is `last`.
        share: new and changed rows, as a share of the feed's rows; half are new.
    """
    day = last + timedelta(days=1)
    target = folder / "sample"
    target.mkdir(parents=True, exist_ok=True)
    with duckdb.connect() as con:
        con.execute("set preserve_insertion_order = false")
        _open(con, exports / "sample", day, share)
        for statement in (_NEW, _CHANGED, _EVENTS, _SALES, _CUSTOMERS, _SURVEYS, _VISITS):
            con.execute(statement)
        found = {feed: con.execute(f"select count(*) from new_{feed}").fetchone() for feed, *_ in _FILES}
        rows = {feed: int(row[0]) if row else 0 for feed, row in found.items()}
        for feed, extension, how in _FILES:
            # A file of headings alone would stop the night, and rightly.
            if rows[feed]:
                file = literal(str(target / f"{feed}-{day.isoformat()}.{extension}"))
                con.execute(f"copy (from new_{feed}) to {file} ({how})")
    if rows["visits"]:
        _recode(target / f"visits-{day.isoformat()}.csv")
    return rows


def _recode(file: Path) -> None:
    """The dispatch system writes GB18030."""
    file.write_bytes(file.read_text(encoding="utf-8").encode("gb18030"))


def _open(con: duckdb.DuckDBPyConnection, folder: Path, day: date, share: float) -> None:
    """Views of the exports, every column text, and the macros that the statements below share."""
    csv = "read_csv({}, all_varchar = true, header = true{})"
    for feed in ("tickets", "customers", "orders", "order_items", "survey_answers"):
        con.execute(f"create view {feed} as from {csv.format(literal(str(folder / f'{feed}-*.csv*')), '')}")
    (visits,) = folder.glob("visits-*.csv")
    text = folder.parent / "visits.utf8.csv"
    text.write_text(visits.read_text(encoding="gb18030"), encoding="utf-8")
    con.execute(f"create table visits as from {csv.format(literal(str(text)), '')}")
    text.unlink()
    con.execute(f"create view ticket_events as from read_parquet({literal(str(folder / 'ticket_events-*.parquet'))})")
    con.execute(
        f"create view surveys as from read_json({literal(str(folder / 'surveys-*.ndjson'))}, "
        "format = 'newline_delimited', columns = {survey_id: 'VARCHAR', kind: 'VARCHAR', ticket_id: 'VARCHAR', "
        "customer_id: 'VARCHAR', channel: 'VARCHAR', sent_at: 'VARCHAR', responded_at: 'VARCHAR', "
        "followup_at: 'VARCHAR'})"
    )
    con.execute(f"create macro day() as timestamp '{day.isoformat()} 00:00:00'")
    con.execute(f"create macro half() as {share / 2}")
    con.execute("create macro tag(id) as 'N' || strftime(day(), '%y%m%d') || id")
    # What would happen after the day has not happened.
    con.execute(
        "create macro moved(moment, seconds) as case "
        "when cast(moment as timestamp) + to_seconds(seconds) < day() + interval '1 day' "
        "then strftime(cast(moment as timestamp) + to_seconds(seconds), '%Y-%m-%d %H:%M:%S') end"
    )


_MOVED = ", ".join(f"moved({name}, seconds) as {name}" for name in _MOMENTS)

_NEW = f"""
create table again as
with recent as (
    select *, count(*) over () as ticket_count
    from tickets
    where cast(created_at as timestamp) >= day() - interval '60 days'
)
select
    *,
    date_diff('second', date_trunc('day', cast(created_at as timestamp)), day()) as seconds
from recent
order by hash(ticket_id)
limit cast((select count(*) from tickets) * half() as bigint);

create table new_tickets_only as
select * exclude (ticket_count, seconds) replace (
    tag(ticket_id) as ticket_id, {_MOVED},
    case when moved(closed_at, seconds) is not null then 'closed'
        when moved(resolved_at, seconds) is not null then 'solved' else 'open' end as status,
    null as merged_into, 'false' as is_deleted, '0' as reopen_count,
    coalesce(moved(closed_at, seconds), moved(resolved_at, seconds), moved(first_response_at, seconds),
        moved(created_at, seconds)) as updated_at
)
from again
"""

_CHANGED = """
create table solved as
select * from tickets where status in ('new', 'open', 'pending', 'on_hold') order by hash(ticket_id)
limit cast((select count(*) from tickets) * half() / 2 as bigint);

create table refiled as
select * from tickets where status = 'closed' order by hash(ticket_id)
limit cast((select count(*) from tickets) * half() as bigint) - (select count(*) from solved);

create table new_tickets as
from new_tickets_only
union all
select * replace (
    'solved' as status, strftime(day() + interval '10 hours', '%Y-%m-%d %H:%M:%S') as resolved_at,
    strftime(day() + interval '10 hours', '%Y-%m-%d %H:%M:%S') as updated_at
) from solved
union all
select * replace (
    '其他' as category, strftime(day() + interval '9 hours', '%Y-%m-%d %H:%M:%S') as updated_at
) from refiled
"""

_EVENTS = """
create table new_ticket_events as
select ticket_events.* replace (tag(ticket_events.ticket_id) as ticket_id, moved(occurred_at, seconds) as occurred_at)
from ticket_events
inner join again on ticket_events.ticket_id = again.ticket_id
where moved(occurred_at, seconds) is not null
union all
select ticket_events.* replace (
    event_seq + 1 as event_seq, 'status' as event_type, 'solved' as status, 'agent' as actor_role,
    strftime(day() + interval '10 hours', '%Y-%m-%d %H:%M:%S') as occurred_at
)
from ticket_events
inner join solved on ticket_events.ticket_id = solved.ticket_id
qualify row_number() over (partition by ticket_events.ticket_id order by event_seq desc) = 1
"""

_SALES = """
create table orders_again as
select *, date_diff('second', date_trunc('day', cast(下单时间 as timestamp)), day()) as seconds
from orders
order by hash(订单编号)
limit cast((select count(*) from orders) * half() * 2 as bigint);

create table new_orders as
select * exclude (seconds) replace (
    tag(订单编号) as 订单编号, moved(下单时间, seconds) as 下单时间, moved(支付时间, seconds) as 支付时间,
    coalesce(moved(支付时间, seconds), moved(下单时间, seconds)) as 更新时间
)
from orders_again;

create table new_order_items as
select order_items.* replace (tag(order_items.order_id) as order_id)
from order_items
inner join orders_again on order_items.order_id = orders_again.订单编号
"""

_CUSTOMERS = """
create table promoted as
select * from customers where 客户等级 = '普通' and 流失时间 is null order by hash(客户编号)
limit cast((select count(*) from customers) * half() as bigint);

create table new_customers as
select * replace (
    '金卡' as 客户等级, strftime(day() + interval '9 hours', '%Y-%m-%d %H:%M:%S') as 更新时间
)
from promoted
union all
select * replace (
    tag(客户编号) as 客户编号, null as 流失时间, null as 推荐人,
    strftime(day() + interval '9 hours', '%Y-%m-%d %H:%M:%S') as 注册时间,
    strftime(day() + interval '9 hours', '%Y-%m-%d %H:%M:%S') as 更新时间
)
from (from customers order by hash(客户编号 || 'new')
    limit cast((select count(*) from customers) * half() as bigint));

create table new_customer_tier_history as
select 客户编号 as customer_id, 'gold' as tier, 省份 as region,
    strftime(day() + interval '9 hours', '%Y-%m-%d %H:%M:%S') as valid_from, null as valid_to
from promoted
"""

_SURVEYS = """
create table new_surveys as
select * replace (strftime(day() + interval '11 hours', '%Y-%m-%d %H:%M:%S') as responded_at)
from surveys
where responded_at is null and cast(sent_at as timestamp) >= day() - interval '60 days'
order by hash(survey_id)
limit cast((select count(*) from surveys) * half() * 2 as bigint);

create table new_survey_answers as
select survey_id, 'overall' as dimension, '4' as score, '1' as scale_min, '5' as scale_max, null as comment
from new_surveys
"""

_VISITS = """
create table new_visits as
select visits.* replace (
    tag(上门单号) as 上门单号, tag(工单编号) as 工单编号,
    moved(派单时间, seconds) as 派单时间, moved(预约开始, seconds) as 预约开始, moved(预约结束, seconds) as 预约结束,
    moved(到场时间, seconds) as 到场时间, moved(完成时间, seconds) as 完成时间, moved(验收时间, seconds) as 验收时间
)
from visits
inner join again on visits.工单编号 = again.ticket_id
where moved(派单时间, seconds) is not null
"""

_FILES = (
    ("tickets", "csv", "header, delimiter ','"),
    ("ticket_events", "parquet", "format parquet"),
    ("orders", "csv", "header, delimiter ','"),
    ("order_items", "csv", "header, delimiter ','"),
    ("customers", "csv", "header, delimiter ','"),
    ("customer_tier_history", "csv", "header, delimiter ','"),
    ("surveys", "ndjson", "format json"),
    ("survey_answers", "csv", "header, delimiter ','"),
    ("visits", "csv", "header, delimiter ','"),
)
