"""Why a unit of a fact differs from the last report -> SQL text. No connection.

A unit is a row of the fact by its grain. Only units of days that were complete at the last report are judged; those
of later days are time's doing. What the last report knew is in the catalog `previous`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ingestion.warehouse.entries import DIMENSIONS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from ingestion.warehouse.kpis import Kpi
    from ingestion.warehouse.reported import Window

DEFINITION, LATE, CORRECTED, MATURITY = 1, 2, 3, 4
"""The steps from what was reported to what is: each adds one cause to those before it."""

CAUSES = {DEFINITION: "definition", LATE: "late", CORRECTED: "corrected", MATURITY: "maturity"}
UNEXPLAINED = "unexplained"


@dataclass(frozen=True)
class Fact:
    """A fact with what its KPIs read of it, and its lead: the model that holds the instants of the same entity."""

    name: str
    kpis: tuple[Kpi, ...]
    grain: tuple[str, ...]
    types: Mapping[str, str]
    lead: Lead | None = None

    @property
    def entity(self) -> tuple[str, ...]:
        """What of the grain says who, not when: a ticket has a row for each day it was open."""
        return tuple(name for name in self.grain if self.types.get(name) != "DATE")

    @property
    def days(self) -> tuple[str, ...]:
        """What of the grain says when."""
        return tuple(name for name in self.grain if self.types.get(name) == "DATE")

    @property
    def instants(self) -> tuple[str, ...]:
        return instants_of(self.types)

    @property
    def stable(self) -> tuple[str, ...]:
        """Columns that time alone does not move: the business dates of the KPIs and the slices."""
        times = dict.fromkeys(kpi.time for kpi in self.kpis)
        return (*times, *(name for name in DIMENSIONS if name in self.types))

    @property
    def told(self) -> tuple[str, ...]:
        """Columns that a source tells: words and exact numbers, but no counts and no durations, which grow."""
        kinds = ("VARCHAR", "DECIMAL", "INTEGER", "BIGINT")
        return tuple(
            name
            for name, each in self.types.items()
            if each.startswith(kinds) and not name.endswith(("_count", "_seconds", "_days", "_key"))
        )

    def read_by(self, kpis: Sequence[Kpi]) -> tuple[str, ...]:
        """Every column that the values of these KPIs follow from."""
        texts = (
            text
            for kpi in kpis
            for text in (
                *(kpi.numerator, kpi.denominator, kpi.pending, kpi.duration, kpi.event, kpi.limit, kpi.group),
                *(kpi.time, *kpi.strata),
            )
        )
        words = re.findall(r"[a-z_0-9]+", " ".join(filter(None, texts)))
        return tuple(name for name in dict.fromkeys((*words, *DIMENSIONS)) if name in self.types)

    @property
    def used(self) -> tuple[str, ...]:
        """Every column that an expression of a KPI names, with the instants and the stable ones."""
        named = dict.fromkeys((*self.read_by(self.kpis), *self.stable, *self.instants))
        return tuple(name for name in named if name not in self.grain)


@dataclass(frozen=True)
class Sides:
    """A table as it was at the last report and as it is: whole, or only the rows that the other side has not."""

    before: str
    after: str

    @classmethod
    def whole(cls, name: str) -> Sides:
        return cls(f"previous.{name}", name)


@dataclass(frozen=True)
class Lead:
    """The model with one row an entity that holds most of its instants."""

    name: str
    key: str
    instants: tuple[str, ...]


def instants_of(types: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(name for name, each in types.items() if name.endswith("_at") and each == "TIMESTAMP")


def _any(conditions: Iterable[str]) -> str:
    joined = " or ".join(f"({condition})" for condition in conditions)
    return f"coalesce({joined}, false)" if joined else "false"


def _flags(instants: Sequence[str], before: str, after: str, known_at: str) -> dict[str, str]:
    """What became of the instants of one row since `known_at`, when it was last reported."""

    def of(condition: str) -> str:
        return _any(condition.format(b=f"{before}.{name}", a=f"{after}.{name}") for name in instants)

    return {
        # Nothing was known of an instant that had already passed.
        "is_late": of(f"{{b}} is null and {{a}} <= {known_at}"),
        # An instant that had passed is told otherwise now.
        "is_rewritten": of(f"{{b}} <= {known_at} and {{a}} <= {known_at} and {{b}} <> {{a}}"),
        # Something has happened since.
        "is_moved": of(f"{{a}} > {known_at} and {{b}} is distinct from {{a}}"),
        # An instant that had passed is gone: taken back, or a ticket was opened again.
        "is_gone": of(f"{{b}} <= {known_at} and ({{a}} is null or {{a}} > {known_at})"),
    }


def told_query(lead: Lead, known_at: datetime, sides: Sides) -> str:
    """The entities of a lead that are unknown to the last report, or whose instants differ."""
    instant = _instant(known_at)
    flags = ", ".join(f"{sql} as {name}" for name, sql in _flags(lead.instants, "before", "after", instant).items())
    differs = _any(f"before.{name} is distinct from after.{name}" for name in lead.instants)
    return f"""
select coalesce(before.{lead.key}, after.{lead.key}) as {lead.key}, before.{lead.key} is null as is_unknown, {flags}
from {sides.before} as before full outer join {sides.after} as after on before.{lead.key} = after.{lead.key}
where before.{lead.key} is null or after.{lead.key} is null or {differs}"""


def differing_months_query(fact: Fact, time: str, window: Window) -> str:
    """The months in which the fact does not read as it did at the last report, whatever the order of its rows."""
    columns = ", ".join(dict.fromkeys((*fact.grain, *fact.used)))
    month = f"cast(date_trunc('month', {time}) as date)"

    def content(table: str) -> str:
        return (
            f"select {month} as month, (count(*), sum(hash({columns}))) as content from {table} "
            f"where {time} between date '{window.first}' and date '{window.last}' group by all"
        )

    return (
        f"select month from ({content(f'previous.{fact.name}')}) as before "
        f"full outer join ({content(fact.name)}) as after using (month) "
        "where before.content is distinct from after.content"
    )


def _days(fact: Fact, window: Window) -> str:
    times = dict.fromkeys(kpi.time for kpi in fact.kpis)
    return " or ".join(f"{time} between date '{window.first}' and date '{window.last}'" for time in times)


def marks_query(
    fact: Fact, window: Window, known_at: datetime, told: str | None, sides: Sides, within: str = "true"
) -> str:
    """The units that differ, each with the step that explains it: the grain and `step`.

    Args:
        told: the table of told_query of the fact's lead; None where the fact is its own, or has none.
        within: a condition that every unit that differs fulfils on either side.
    """
    instant = _instant(known_at)
    columns = ", ".join(dict.fromkeys((*fact.grain, *fact.used, *fact.told)))
    times = dict.fromkeys(kpi.time for kpi in fact.kpis)
    days = f"({_days(fact, window)}) and ({within})"
    keys = ", ".join(f"coalesce(before.{name}, after.{name}) as {name}" for name in fact.grain)
    same = " and ".join(f"before.{name} = after.{name}" for name in fact.grain)
    months = ", ".join(
        f"cast(date_trunc('month', {side}.{time}) as date)" for time in times for side in ("before", "after")
    )
    one = fact.grain[0]
    differs = _any(f"before.{name} is distinct from after.{name}" for name in fact.used)
    join = ""
    if told is not None and fact.lead is not None:
        key = fact.lead.key
        join = f"left join {told} as told on coalesce(before.{key}, after.{key}) = told.{key}"
    return f"""
with before as (
    select {columns}, {_was_open(fact, window)} as was_open from {sides.before} as units where {days}
),
after as (select {columns} from {sides.after} as units where {days})
select {keys}, {_step(fact, window, instant, has_lead=bool(join))} as step,
    list_distinct([{months}]) as months
from before full outer join after on {same} {join}
where before.{one} is null or after.{one} is null or {differs}"""


def _step(fact: Fact, window: Window, instant: str, *, has_lead: bool) -> str:
    one = fact.grain[0]
    flags = _flags(fact.instants, "before", "after", instant)

    def is_(name: str) -> str:
        return f"({flags[name]} or coalesce(told.{name}, false))" if has_lead else flags[name]

    moved = _any(f"before.{name} is distinct from after.{name}" for name in fact.stable)
    retold = _any(f"before.{name} is distinct from after.{name}" for name in fact.told)
    # A fact of states has rows for the newest day only, besides those of month ends: the next day they are gone.
    is_newest = _any(f"before.{day} = date '{window.last}'" for day in fact.days)
    return f"""case
        when before.{one} is null then {_unknown(fact, window, instant, has_lead=has_lead)}
        when after.{one} is null and {is_newest} then {MATURITY}
        when after.{one} is null then {_late_if("told.is_late", has_lead=has_lead)}
        when {moved} then {CORRECTED}
        when {is_("is_late")} then {LATE}
        when {is_("is_rewritten")} then {CORRECTED}
        when {is_("is_moved")} then {MATURITY}
        when {is_("is_gone")} then {CORRECTED}
        when before.was_open then {MATURITY}
        when {retold} then {CORRECTED}
        -- Flags alone follow from other units: a newer assessment makes this one no longer the last of its year.
        else {MATURITY}
    end"""


def _late_if(condition: str, *, has_lead: bool) -> str:
    return f"case when coalesce({condition}, false) then {LATE} else {CORRECTED} end" if has_lead else str(CORRECTED)


def _unknown(fact: Fact, window: Window, instant: str, *, has_lead: bool) -> str:
    """The step of a unit that the last report did not have, although its day was over.

    Its entity may have been known all the same: a ticket that got its first visit since (time alone), or whose visit
    was told late, or that was said to be closed on a day on which it is now said to have been open.
    """
    if fact.days and has_lead:
        is_later = _any(f"after.{day} > date '{window.last}'" for day in fact.days)
        known = f"case when {is_later} then {MATURITY} else {_late_if('told.is_late', has_lead=True)} end"
    else:
        shared = fact.lead.instants if fact.lead else ()
        own = [f"after.{name}" for name in fact.instants if name not in shared]
        since = f"least({', '.join(own)}) > {instant}" if own else _young(fact, window, "after.")
        known = f"case when {since} then {MATURITY} else {LATE} end"
    return f"case when coalesce(told.is_unknown, false) then {LATE} else {known} end" if has_lead else known


def _young(fact: Fact, window: Window, side: str = "") -> str:
    """Whether a unit was still too young to count, for one of the KPIs."""
    return _any(
        dict.fromkeys(
            f"date_diff('day', {side}{kpi.time}, date '{window.last}') <= {int(kpi.maturity_days)}"
            for kpi in fact.kpis
            if kpi.maturity_days
        )
    )


def _was_open(fact: Fact, window: Window) -> str:
    """Whether time alone could still move the unit: pending or censored for one of the KPIs, or not yet of age."""
    conditions = [kpi.pending for kpi in fact.kpis if kpi.pending]
    conditions += [f"{kpi.duration} is not null and not {kpi.event}" for kpi in fact.kpis if kpi.duration]
    return _any(dict.fromkeys((*conditions, _young(fact, window))))


def _instant(at: datetime) -> str:
    return f"timestamp '{at.isoformat(sep=' ')}'"


def delta_source(fact: Fact, marks: str, sides: Sides) -> str:
    """Marked units as they are (unit_sign 1) and as they were (-1), with the step that moved them."""
    keys = ", ".join(fact.grain)
    marked = f"(from {marks} where step < {MATURITY}) as marked"
    return f"""(
    select units.*, 1 as unit_sign, marked.step from {sides.after} as units inner join {marked} using ({keys})
    union all by name
    select units.*, -1 as unit_sign, marked.step
    from {sides.before} as units inner join {marked} using ({keys})
) as moved"""


def mixed_source(fact: Fact, marks: str, steps: Sequence[int]) -> str:
    """The units as they stand after each of the steps, repeated for each: `step`."""
    keys = ", ".join(fact.grain)
    asked = f"(select unnest([{', '.join(map(str, steps))}]) as step) as asked"
    return f"""(
    select units.*, asked.step
    from {fact.name} as units left join {marks} as marked using ({keys}) cross join {asked}
    where coalesce(marked.step, 0) <= asked.step
    union all by name
    select units.*, asked.step
    from previous.{fact.name} as units inner join {marks} as marked using ({keys}) cross join {asked}
    where marked.step > asked.step
) as mixed"""
