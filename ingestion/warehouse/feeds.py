"""How regularly each feed comes, told by its own past: nobody has to declare when an export is due."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    import duckdb

State = Literal["on_time", "overdue", "copied", "too_few", "ended"]

LOOKED_AT: Final = 8
GAPS_TO_JUDGE: Final = 3
SLACK_SECONDS: Final = 43_200.0
"""The newest events of two exports of one night lie hours apart, those of two nights a day."""

# One row per source and feed, of feeds that tell how far their files go: file, data_through (newest), last_run_id
# (the run that brought its newest file), and of the recent days to which its files reached
# - longest_gap_seconds, gap_count: the longest time between two of them (a pause at weekends is no delay). Files of
#   one day, a part for each region or two a day, are one arrival: the time between them says nothing about the next.
# - usual_wait_seconds: how far the feed lay behind what readers were shown just before its next day came. Where the
#   exports of a night come one by one, that is a night for those that come last. The second longest: one outage is no
#   habit. NULL until it came after a night that published.
# copy, copied_run_id: the last file that had the content of an earlier one.
FEEDS: Final = f"""
    with reached as (
        select source, feed, max(data_through) as data_through, arg_max(file, (data_through, load_seq)) as file,
            min(run_id) as first_run_id, max(run_id) as run_id
        from warehouse.meta.loads
        where state = 'loaded' and data_through is not null
        group by source, feed, cast(data_through - interval 1 second as date)
    ),
    known as (
        select *, max(data_through) over (
                partition by source, feed order by first_run_id groups between unbounded preceding and 1 preceding
            ) as known_through,
            max(data_through) over (partition by source, feed, first_run_id) as run_through,
            (
                select arg_max(as_of, run_id) from warehouse.meta.runs
                where verdict in ('published', 'held') and run_id < reached.first_run_id
            ) as shown_as_of
        from reached
    ),
    gaps as (
        select *, epoch(data_through - lag(data_through) over one_feed) as gap_seconds,
            -- A file of an older day, come late, says nothing about the next one; days come together waited once.
            case when data_through > known_through and data_through = run_through
                then epoch(shown_as_of - known_through) end as wait_seconds,
            row_number() over (partition by source, feed order by data_through desc) as age
        from known
        window one_feed as (partition by source, feed order by data_through)
    ),
    habits as (
        select source, feed, max_by(file, data_through) as file, max(data_through) as data_through,
            max(gap_seconds) filter (age <= {LOOKED_AT}) as longest_gap_seconds,
            count(gap_seconds) filter (age <= {LOOKED_AT}) as gap_count, max(run_id) as last_run_id,
            list(wait_seconds order by wait_seconds desc)
                filter (age <= {LOOKED_AT} and wait_seconds is not null) as waits
        from gaps group by source, feed
    ),
    copies as (
        select fields ->> 'source' as source, fields ->> 'feed' as feed,
            arg_max(fields ->> 'file', run_id) as copy, max(run_id) as copied_run_id
        from warehouse.meta.findings where code = 'same_content' group by 1, 2
    )
    select habits.* exclude (waits), coalesce(waits[2], waits[1]) as usual_wait_seconds, copy, copied_run_id
    from habits left join copies using (source, feed) order by source, feed"""


@dataclass(frozen=True)
class Feed:
    """A line of FEEDS. Instants are UTC."""

    source: str
    feed: str
    file: str
    data_through: datetime
    longest_gap_seconds: float | None
    gap_count: int
    last_run_id: str | None = None
    usual_wait_seconds: float | None = None
    copy: str | None = None
    copied_run_id: str | None = None
    is_awaited: bool = True

    def seconds_behind(self, as_of: datetime) -> float:
        return (as_of - self.data_through).total_seconds()

    def state(self, as_of: datetime, run_id: str = "") -> State:
        """Whether it lies further behind as_of than it ever did lately.

        Never where the run itself has brought a file: a feed of settled points, or of which little happens, ends days
        before the others and has come all the same. Where only copies came since, files arrive and say nothing new.
        """
        if not self.is_awaited:
            return "ended"
        if run_id and self.last_run_id == run_id:
            return "on_time"
        gap, wait = self.longest_gap_seconds, self.usual_wait_seconds
        if self.gap_count < GAPS_TO_JUDGE or gap is None or wait is None:
            return "too_few"
        behind = self.seconds_behind(as_of)
        if behind < gap or behind <= wait + SLACK_SECONDS:
            return "on_time"
        return "copied" if (self.copied_run_id or "") > (self.last_run_id or "") else "overdue"


def read(con: duckdb.DuckDBPyConnection) -> list[Feed]:
    rows: list[tuple[Any, ...]] = con.execute(FEEDS).fetchall()
    return [Feed(*row) for row in rows]


def write(con: duckdb.DuckDBPyConnection, ended: Iterable[tuple[str, str]]) -> None:
    """meta.feeds of the snapshot: FEEDS and is_awaited, false for the (source, feed) of which no file is to come."""
    con.execute(f"create table meta.feeds as select *, true as is_awaited from ({FEEDS})")
    for source, feed in ended:
        con.execute("update meta.feeds set is_awaited = false where source = ? and feed = ?", [source, feed])
