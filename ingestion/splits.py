"""The steps between the last report and tonight's, value by value: the part of restatements that compares units."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import TYPE_CHECKING

from ingestion.warehouse import gathered, marks, models, reported, reported_times
from ingestion.warehouse.marks import CORRECTED, DEFINITION, LATE, MATURITY, Fact, Lead
from ingestion.warehouse.reported import CELL, SUM_KINDS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import date, datetime

    import duckdb

    from ingestion.moves import Moves
    from ingestion.warehouse.kpis import Kpi
    from ingestion.warehouse.models import Model

STEPS = "kpi varchar, step integer, slice_dimension varchar, slice_value varchar, period date, value double"
# What the rest of a move is called that no step explains.
RESIDUALS = "kpi varchar, cause varchar"

_CELL = ", ".join(CELL)


def definitions() -> dict[str, str]:
    """Hash of every model and every table that people keep, by name."""
    told = {model.name: hashlib.sha256(model.sql.encode()).hexdigest() for model in models.load_models()}
    for name, file in models.static_inputs().items():
        told[f"raw.{name}"] = hashlib.sha256(file.read_bytes()).hexdigest()
    return told


def write_definitions(con: duckdb.DuckDBPyConnection) -> None:
    """meta.definitions of the build: the hash of each model's text, and what the model reads."""
    con.execute("create table meta.definitions (name varchar, sha256 varchar, reads varchar[])")
    told = definitions()
    every = {model.name: model for model in models.load_models()}
    reads = {name: gathered.stands_on(model, every) for name, model in every.items()}
    con.execute(
        "insert into meta.definitions select unnest(?::varchar[]), unnest(?::varchar[]), unnest(?::varchar[][])",
        [list(told), list(told.values()), [reads.get(name, []) for name in told]],
    )


def lineage(name: str) -> list[Model]:
    """A model and every model it is built from, in building order."""
    ordered = models.load_models()
    by_name = {model.name: model for model in ordered}
    wanted, open_ = {name}, [name]
    while open_:
        for reference in gathered.stands_on(by_name[open_.pop()], by_name):
            if reference in by_name and reference not in wanted:
                wanted.add(reference)
                open_.append(reference)
    return [model for model in ordered if model.name in wanted]


def take_steps(
    con: duckdb.DuckDBPyConnection, kpis: Sequence[Kpi], moves: Moves, known_at: datetime, zone: str
) -> None:
    """Fill temp.steps with the values between the last report and tonight's, and temp.residuals.

    `previous` is the snapshot of the last report, `known_at` its as_of.
    """
    then, is_same_zone = _definitions_then(con, zone)
    now = definitions()
    changed = {name for name in now.keys() | then.keys() if now.get(name) != then.get(name)}
    comparison = _Comparison(con, moves, known_at)
    for fact in facts(con, kpis):
        names = _stood_on(fact.name)
        if not then:
            cause = marks.UNEXPLAINED
        elif names & changed or not is_same_zone:
            cause = marks.CAUSES[DEFINITION]
        else:
            cause = marks.CAUSES[MATURITY]
            comparison.compare(_led_as_before(fact, changed))
        ids = [kpi.id for kpi in fact.kpis]
        con.execute("insert into temp.residuals select unnest(?::varchar[]), ?", [ids, cause])
    comparison.add_up(kpis)
    comparison.clear()


def _stood_on(name: str) -> set[str]:
    return {each for model in lineage(name) for each in (model.name, *model.references)}


def _led_as_before(fact: Fact, changed: set[str]) -> Fact:
    """The fact without its lead where that is defined otherwise now: the last report's may be without it, or columns.

    A lead need not be among what the fact is built from.
    """
    return replace(fact, lead=None) if fact.lead and _stood_on(fact.lead.name) & changed else fact


def _definitions_then(con: duckdb.DuckDBPyConnection, zone: str) -> tuple[dict[str, str], bool]:
    """By what the last report was built ({} before that was kept), and whether its days turned as ours do."""
    tables = con.execute(
        "select table_name from duckdb_tables() where database_name = 'previous' and schema_name = 'meta'"
    ).fetchall()
    if ("definitions",) not in tables:
        return {}, True
    row = con.execute("select business_timezone from previous.meta.run").fetchone()
    return dict(con.execute("select name, sha256 from previous.meta.definitions").fetchall()), row == (zone,)


def facts(con: duckdb.DuckDBPyConnection, kpis: Sequence[Kpi]) -> Iterator[Fact]:
    """The facts that KPIs count over, each with its KPIs and its lead."""
    types: dict[str, dict[str, str]] = {}
    rows = con.execute(
        """select schema_name || '.' || table_name, column_name, data_type from duckdb_columns()
        where database_name = current_database() and schema_name in ('core', 'marts') order by all"""
    ).fetchall()
    for table, column, data_type in rows:
        types.setdefault(table, {})[column] = data_type
    grains = {model.name: model.grain for model in models.load_models()}
    sizes = dict(con.execute("select name, row_count from meta.models").fetchall())
    for name in dict.fromkeys(kpi.rows for kpi in kpis):
        fact = Fact(name, tuple(kpi for kpi in kpis if kpi.rows == name), grains[name], types[name])
        lead = _lead(fact.entity, grains, types, sizes)
        yield Fact(fact.name, fact.kpis, fact.grain, fact.types, None if lead is None or lead.name == name else lead)


def _lead(
    entity: tuple[str, ...],
    grains: dict[str, tuple[str, ...]],
    types: dict[str, dict[str, str]],
    sizes: dict[str, int],
) -> Lead | None:
    """Of the models with one row for each `entity` the one that knows most of them, and then most instants."""
    if len(entity) != 1:
        return None
    alike = [name for name, grain in grains.items() if grain == entity and name in types]
    best = max(alike, key=lambda name: (sizes[name], len(marks.instants_of(types[name]))), default=None)
    return None if best is None else Lead(best, entity[0], marks.instants_of(types[best]))


class _Comparison:
    """The units of tonight beside those of the last report, fact by fact."""

    def __init__(self, con: duckdb.DuckDBPyConnection, moves: Moves, known_at: datetime) -> None:
        self.con, self.moves, self.known, self.known_at = con, moves, moves.known, known_at
        # Lead -> temporary table of its entities that differ, made when first asked for.
        self.told: dict[str, str] = {}
        versions = "select kpi, any_value(definition_version) from temp.told_last group by kpi"
        self.versions = dict(con.execute(versions).fetchall())
        con.execute(f"create temp table bases ({reported.PARTS})")
        con.execute(f"create temp table deltas ({reported.PARTS})")

    def compare(self, fact: Fact) -> None:
        """Mark the units that differ, then take the values of the fact's KPIs after each step."""
        redefined = {kpi.id for kpi in fact.kpis if self.versions.get(kpi.id, kpi.version) != kpi.version}
        if not redefined and self.moves.is_same(fact):
            return
        told = self._told_of(fact.lead) if fact.lead else None
        query = marks.marks_query(
            fact, self.known, self.known_at, told, self.moves.sides(fact.name), self.moves.within(fact)
        )
        self.con.execute(f"create or replace temp table marked as {query}")
        # Where nothing came late and nothing was put right, the whole move is time's doing: no value is needed.
        touched = f"select distinct unnest(months) from temp.marked where step < {MATURITY}"
        months = {month for (month,) in self.con.execute(touched).fetchall()}
        for group in reported.grouped(fact.kpis):
            self._sums(fact, [kpi for kpi in group if kpi.id in redefined], months, is_redefined=True)
            self._sums(fact, [kpi for kpi in group if kpi.id not in redefined], months, is_redefined=False)
        for kpi in fact.kpis:
            if kpi.kind not in SUM_KINDS:
                self._others(fact, kpi, months, is_redefined=kpi.id in redefined)

    def _told_of(self, lead: Lead) -> str:
        if lead.name not in self.told:
            table = f"told_{len(self.told)}"
            self.con.execute(
                f"create temp table {table} as {marks.told_query(lead, self.known_at, self.moves.sides(lead.name))}"
            )
            self.told[lead.name] = f"temp.{table}"
        return self.told[lead.name]

    def clear(self) -> None:
        for table in self.told.values():
            self.con.execute(f"drop table {table}")
        for table in ("marked", "bases", "deltas"):
            self.con.execute(f"drop table if exists temp.{table}")

    def _sums(self, fact: Fact, kpis: list[Kpi], months: set[date], *, is_redefined: bool) -> None:
        """temp.deltas: what each step adds to the sums; temp.bases: the old sums by a new definition."""
        if kpis and is_redefined:
            sums = reported.parts(kpis, f"previous.{fact.name}", self.known)
            self.con.execute(f"insert into temp.bases by name {sums}")
        if kpis and months:
            moved = marks.delta_source(fact, "temp.marked", self.moves.sides(fact.name))
            sums = reported.parts(kpis, moved, self.known, weight="unit_sign", step="step")
            self.con.execute(f"insert into temp.deltas by name {sums}")

    def add_up(self, kpis: Sequence[Kpi]) -> None:
        """The values of all sum kinds after each step: sums are the old ones and what the marked units add."""
        chosen = [kpi for kpi in kpis if kpi.kind in SUM_KINDS]
        if not chosen:
            return
        self.con.execute(
            f"""insert into temp.steps by name
            with deltas as materialized ({reported.rolled_up("temp.deltas", self.known)}),
            base as (
                select {_CELL}, numerator, denominator from ({reported.rolled_up("temp.bases", self.known)}) as bases
                union all
                select {_CELL}, cast(numerator as decimal(38, 4)), cast(denominator as decimal(38, 4))
                from temp.told_last semi join deltas using ({_CELL}) anti join temp.bases using (kpi)
            ),
            sums as (
                select {_CELL}, asked.step,
                    any_value(base.numerator)
                    + coalesce(sum(deltas.numerator) filter (deltas.step <= asked.step), 0) as numerator,
                    any_value(base.denominator)
                    + coalesce(sum(deltas.denominator) filter (deltas.step <= asked.step), 0) as denominator
                from base
                cross join (select unnest([{DEFINITION}, {LATE}, {CORRECTED}]) as step) as asked
                left join deltas using ({_CELL})
                group by all
            )
            select {_CELL}, step, {reported.VALUE} as value
            from sums inner join {reported.entries(chosen)} using (kpi)"""
        )

    def _others(self, fact: Fact, kpi: Kpi, months: set[date], *, is_redefined: bool) -> None:
        """Every other kind is asked again, over the units as they stand after each step."""
        if not months and not is_redefined:
            return
        steps, touched = [LATE, CORRECTED], reported.in_months(kpi.time, months)
        if is_redefined:
            steps, touched = [DEFINITION, *steps], "true"
        source = marks.mixed_source(fact, "temp.marked", steps)
        is_time = kpi.kind == reported_times.KIND
        query = (
            reported_times.times([kpi], source, self.known, also="step", months=touched)
            if is_time
            else reported.whole_and_slices(kpi, source, self.known, also="step", months=touched)
        )
        self.con.execute(
            f"insert into temp.steps by name select {_CELL}, step, value from ({query.sql})", query.binds
        )
