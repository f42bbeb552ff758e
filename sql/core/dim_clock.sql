-- The business clock: open seconds since a calendar began, at the start of each segment of each local day.
-- grain: calendar_id, date, from_second
-- C(t) = seconds_before + (t - from_second if is_open else 0), and B(a, b) = C(b) - C(a). Looked up by an equal
-- join on (calendar_id, date) and from_second <= second < to_second: any number of windows a day.
with
calendar_days as (
    select calendar_id, cast(date as date) as date, kind
    from raw.calendar_days
),
windows as (
    select
        calendar_id, day_kind,
        cast(split_part(open, ':', 1) as integer) * 3600 + cast(split_part(open, ':', 2) as integer) * 60 as open_second,
        cast(split_part(close, ':', 1) as integer) * 3600 + cast(split_part(close, ':', 2) as integer) * 60
            as close_second
    from raw.calendar_hours
),

day_windows as (
    select calendar_days.calendar_id, calendar_days.date, windows.open_second, windows.close_second
    from calendar_days
    inner join windows
        on calendar_days.calendar_id = windows.calendar_id and calendar_days.kind = windows.day_kind
),

-- Every day is cut at its windows' ends; a day without windows is one closed segment.
cuts as (
    select calendar_id, date, 0 as from_second from calendar_days
    union
    select calendar_id, date, open_second from day_windows
    union
    select calendar_id, date, close_second from day_windows where close_second < 86400
),

segments as (
    select
        calendar_id, date, from_second,
        coalesce(lead(from_second) over (partition by calendar_id, date order by from_second), 86400) as to_second
    from cuts
),

opened as (
    select
        segments.calendar_id, segments.date, segments.from_second, segments.to_second,
        day_windows.open_second is not null as is_open
    from segments
    left join day_windows
        on segments.calendar_id = day_windows.calendar_id
        and segments.date = day_windows.date
        and segments.from_second >= day_windows.open_second
        and segments.from_second < day_windows.close_second
)

select
    calendar_id, date, from_second, to_second, is_open,
    cast(coalesce(sum(case when is_open then to_second - from_second else 0 end) over (
        partition by calendar_id order by date, from_second
        rows between unbounded preceding and 1 preceding
    ), 0) as bigint) as seconds_before
from opened
