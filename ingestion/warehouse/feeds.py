"""How regularly each feed comes, told by its own past: nobody has to declare when an export is due."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from datetime import datetime

    import duckdb

GAPS_LOOKED_AT: Final = 8
GAPS_TO_JUDGE: Final = 3

# One row per source and feed: file, data_through (newest), longest_gap_seconds between two of the recent days to
# which its files reached (a pause at weekends is no delay), gap_count, last_run_id: the run that brought its newest
# file. Of feeds that tell how far their files go. Files of one day, a part for each region or two a day, are one
# arrival: the gaps between them say nothing about when the next is due.
FEEDS: Final = f"""
    with reached as (
        select source, feed, max(data_through) as data_through, arg_max(file, (data_through, load_seq)) as file,
            max(run_id) as run_id
        from warehouse.meta.loads
        where state = 'loaded' and data_through is not null
        group by source, feed, cast(data_through - interval 1 second as date)
    ),
    gaps as (
        select *, epoch(data_through - lag(data_through) over one_feed) as gap_seconds,
            row_number() over (partition by source, feed order by data_through desc) as age
        from reached
        window one_feed as (partition by source, feed order by data_through)
    )
    select source, feed, max_by(file, data_through) as file, max(data_through) as data_through,
        max(gap_seconds) filter (age <= {GAPS_LOOKED_AT}) as longest_gap_seconds,
        count(gap_seconds) filter (age <= {GAPS_LOOKED_AT}) as gap_count, max(run_id) as last_run_id
    from gaps group by source, feed order by source, feed"""


@dataclass(frozen=True)
class Feed:
    """How far a feed's newest file goes (UTC), and the longest pause between recent ones."""

    source: str
    feed: str
    file: str
    data_through: datetime
    longest_gap_seconds: float | None
    gap_count: int
    last_run_id: str | None = None

    def seconds_behind(self, as_of: datetime) -> float:
        return (as_of - self.data_through).total_seconds()

    def is_overdue(self, as_of: datetime, run_id: str = "") -> bool | None:
        """Whether it lies further behind the others than it ever did lately; None: it came too rarely to say.

        Not where the run itself has brought a file: a feed of settled points, or of which little happens, ends days
        before the others and has come all the same.
        """
        if run_id and self.last_run_id == run_id:
            return False
        if self.gap_count < GAPS_TO_JUDGE or self.longest_gap_seconds is None:
            return None
        return self.seconds_behind(as_of) >= self.longest_gap_seconds


def read(con: duckdb.DuckDBPyConnection) -> list[Feed]:
    rows: list[tuple[Any, ...]] = con.execute(FEEDS).fetchall()
    return [Feed(*row) for row in rows]
