"""Days and months that were swapped on the way, by a spreadsheet of another country, say, and are dates all the same.

Landing stops where another order reads a whole file far better (landing/ambiguous.py). The export of one day is as
close together either way, and a date that lost its order before it was written has the declared format. But a file
of new days follows what its feed brought before: where it lies in the past, and would follow if day and month were
swapped, they were.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from data_checks.contract import datasets
from data_checks.rules import row_rules
from ingestion.errors import Finding
from ingestion.landing.write import landing_table
from ingestion.sqltext import quoted
from ingestion.warehouse import ledger

if TYPE_CHECKING:
    from collections.abc import Iterable

    import duckdb

    from ingestion.landing import Landed

CODE: Final = "swapped_dates"
FEWEST_ROWS: Final = 20
NEXT: Final = timedelta(days=31)
"""New records begin no later than a month after the last ones: an old file late in its year could fit anywhere."""
MOST: Final = 0.95
"""The share of the dates that could be swapped (the 1st to the 12th) that must have been: a few fit by chance."""


def tell(con: duckdb.DuckDBPyConnection, landed: Iterable[Landed]) -> None:
    """Warn of every file of new records in which day and month are swapped; the first such column is told."""
    now = datetime.now(UTC).replace(tzinfo=None)
    for one in landed:
        through = ledger.newest(con, one.source, one.feed)
        if through is not None and one.settings.mode == "delta" and one.settings.ambiguous_dates != "accept":
            # Files of one feed overlap by hours, and clocks differ.
            since, until = through - timedelta(days=1), min(now + timedelta(days=1), through + NEXT)
            told = (_judged(con, one, *column, since, until) for column in _happenings(one))
            one.warnings += [finding for finding in told if finding is not None][:1]


def _happenings(one: Landed) -> list[tuple[str, str]]:
    """Dataset and column of every instant that cannot lie ahead; a plan may lie anywhere."""
    return [
        (dataset, rule.columns[0])
        for dataset in one.datasets
        for rule in row_rules(dataset)
        if rule.code == "future_date" and datasets()[dataset].column(rule.columns[0]).type == "instant"
    ]


def _judged(
    con: duckdb.DuckDBPyConnection, one: Landed, dataset: str, column: str, since: datetime, until: datetime
) -> Finding | None:
    row = con.execute(
        f"""with local as (
            select {quoted(column)} at time zone 'UTC' at time zone $zone as happened
            from {landing_table("scratch", one.table(dataset))} where not is_gone
        ),
        dates as (
            select cast(happened as date) as ours, make_date(year(happened), day(happened), month(happened)) as other
            from local where day(happened) <= 12 and day(happened) <> month(happened)
        )
        select count(*), count(*) filter (is_swapped), min(ours) filter (is_swapped), max(ours) filter (is_swapped),
            min(other) filter (is_swapped), max(other) filter (is_swapped)
        from (
            select *, ours not between $since and $until and other between $since and $until as is_swapped from dates
        )""",
        {"zone": one.settings.timezone, "since": since.date(), "until": until.date()},
    ).fetchone()
    if row is None or row[1] < FEWEST_ROWS or row[1] < MOST * row[0]:
        return None
    names = ("count", "first", "last", "other_first", "other_last")
    told: dict[str, str | int] = {name: str(value) for name, value in zip(names, row[1:], strict=True)}
    return Finding(CODE, {"file": one.file, "dataset": dataset, "column": column, **told, "count": int(row[1])})
