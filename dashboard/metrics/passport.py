"""The passport of a number: everything that made it, so that anybody can make it again and see that it is the same.

The SQL and its parameters are those of the read side. Which models and exports stand behind them is read from the
snapshot itself (meta.definitions, meta.loads), not from the program that happens to be installed today.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from datetime import date, datetime
from decimal import Decimal
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import duckdb
import sqlglot
from sqlglot import exp

from dashboard.metrics import query
from ingestion.warehouse import kpi_sql, models, snapshots
from ingestion.warehouse.kpis import Query

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    import polars as pl

    from dashboard.metrics.access import Scope
    from dashboard.metrics.query import Snapshot
    from ingestion.warehouse.kpis import Filter, Kpi

Passport = dict[str, Any]

TOLERANCE = 1e-12
"""How far a double may lie from the stored one, relative to it. Counts and sums of counts must be equal."""

PARTS = ("denominator", "numerator")
# Tells which exports are there, so it reads all of them; no number comes from what is in them.
REGISTRY = "core.dim_datasets"
_EXACT = ("numerator", "denominator", "n", "state")
_CLOSE = ("value", "lower", "upper")


def passport(
    snapshot: Snapshot,
    scope: Scope,
    kpi: Kpi,
    wanted: Filter,
    by: Sequence[str] = (),
    period: str = "total",
) -> Passport:
    """Everything behind the values that `query.values` gives for the same question, ready for JSON.

    Raises:
        KpiQuestionInvalid: the KPI cannot answer the question.
    """
    complete = query.complete_filter(snapshot, wanted)
    question = kpi_sql.Question(complete, tuple(by), period, snapshot.last_date, scope.regions)
    mart_columns = snapshot.columns.get(kpi.mart.model, ()) if kpi.mart else ()
    asked = kpi_sql.value_query(kpi, question, mart_columns)
    whole = kpi_sql.Question(complete, (), "total", snapshot.last_date, scope.regions)
    lineage = _lineage(snapshot, _read_by(asked.sql, snapshot.columns))
    columns = _columns(kpi, lineage)
    told: Passport = {
        "kpi": kpi.id,
        "label": dict(kpi.label),
        "definition_version": kpi.version,
        "run_id": snapshot.run_id,
        "as_of": _plain(snapshot.as_of),
        "snapshot": {"file": snapshot.file.name, "sha256": _recorded_hash(snapshot.file)},
        "question": {
            "from": _plain(complete.date_from),
            "to": _plain(complete.date_to),
            "where": {name: list(values) for name, values in complete.where.items()},
            "by": list(by),
            "period": period,
            "regions": None if scope.regions is None else list(scope.regions),
        },
        # As exact as the SQL below: a page may show a time of a long fact up to 1 % from it (sql/DECISIONS.md).
        "values": _rows(query.values(snapshot.straight(), scope, kpi, wanted, by, period)),
        "sql": asked.sql.strip(),
        "parameters": _parameters(asked.binds),
        "result": _rows(snapshot.run(asked)),
        "rows": {part: _part(snapshot, kpi_sql.rows_query(kpi, whole, part)) for part in PARTS},
        "models": lineage,
        "datasets": sorted(_datasets(lineage)),
        "files": _files(snapshot, _datasets(lineage)),
        "checks": _checks(snapshot, lineage, columns),
    }
    return {**told, "sha256": _digest(told)}


def _part(snapshot: Snapshot, asked: Query) -> dict[str, Any]:
    """How many rows a part has, and the query that lists them."""
    return {"count": _count(snapshot, asked), "sql": asked.sql.strip(), "parameters": _parameters(asked.binds)}


def _count(snapshot: Snapshot, asked: Query) -> int:
    counted = Query(f"select count(*) as n from ({asked.sql}) as listed", asked.binds)
    return int(snapshot.run(counted)["n"].item())


def verify(snapshot: Snapshot, told: Passport) -> list[dict[str, Any]]:
    """What is not as the passport says: [] where the stored SQL on the stored snapshot gives the number again.

    Each difference has `what` (passport, run, snapshot, file, sql, value or rows) with `told` and `found`.
    """
    body = {name: each for name, each in told.items() if name != "sha256"}
    found = [*_compared("passport", told.get("sha256"), _digest(body))]
    found += _compared("run", told["run_id"], snapshot.run_id)
    found += _compared("snapshot", told["snapshot"]["sha256"], snapshots.sha256(snapshot.file))
    try:
        found += _file_differences(snapshot, told)
        found += _value_differences(told["result"], _rows(snapshot.run(_query(told))))
        for part in PARTS:
            count = _count(snapshot, _query(told["rows"][part]))
            found += _compared("rows", told["rows"][part]["count"], count, part=part)
    except duckdb.Error as error:
        found.append({"what": "sql", "told": told["sql"], "found": type(error).__name__})
    return found


def rows(snapshot: Snapshot, told: Passport, part: str) -> pl.DataFrame:
    """The rows of one part, by the query that the passport keeps."""
    return snapshot.run(_query(told["rows"][part]))


def _compared(what: str, told: object, found: object, **where: object) -> list[dict[str, Any]]:
    return [] if told == found else [{"what": what, **where, "told": told, "found": found}]


def _file_differences(snapshot: Snapshot, told: Passport) -> list[dict[str, Any]]:
    known = {one["load_id"]: one for one in _files(snapshot, set(told["datasets"]))}
    stored = {one["load_id"]: one for one in told["files"]}
    found: list[dict[str, Any]] = []
    for load_id in sorted(known.keys() | stored.keys()):
        found += _compared("file", stored.get(load_id), known.get(load_id), load_id=load_id)
    return found


def _value_differences(told: list[dict[str, Any]], found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    numbers = {*_EXACT, *_CLOSE}

    def keyed(result: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
        return {json.dumps({k: v for k, v in row.items() if k not in numbers}): row for row in result}

    before, after = keyed(told), keyed(found)
    differences: list[dict[str, Any]] = []
    for key in sorted(before.keys() | after.keys()):
        old, new = before.get(key, {}), after.get(key, {})
        for name in (*_CLOSE, *_EXACT):
            is_same = _is_close(old.get(name), new.get(name)) if name in _CLOSE else old.get(name) == new.get(name)
            if not is_same or bool(old) != bool(new):
                where = {"column": name, "slice": json.loads(key)}
                differences.append({"what": "value", **where, "told": old.get(name), "found": new.get(name)})
    return differences


def _is_close(told: float | None, found: float | None) -> bool:
    if told is None or found is None:
        return told is found
    return math.isclose(told, found, rel_tol=TOLERANCE, abs_tol=TOLERANCE)


def _query(told: Mapping[str, Any]) -> Query:
    """SQL and parameters of a passport as a query."""
    return Query(str(told["sql"]), tuple(_parsed(one) for one in told["parameters"]))


def _parameters(binds: Iterable[object]) -> list[dict[str, Any]]:
    """Bound values with their kind: JSON knows no dates."""
    return [{"kind": _kind(bind), "value": _plain(bind)} for bind in binds]


def _kind(bind: object) -> str:
    if isinstance(bind, list | tuple):
        return "dates" if any(isinstance(each, date) for each in bind) else "list"
    return "date" if isinstance(bind, date) else "plain"


def _parsed(parameter: Mapping[str, Any]) -> object:
    value = parameter["value"]
    if parameter["kind"] == "date":
        return date.fromisoformat(value)
    return [date.fromisoformat(each) for each in value] if parameter["kind"] == "dates" else value


def _rows(frame: pl.DataFrame) -> list[dict[str, Any]]:
    return [{name: _plain(each) for name, each in row.items()} for row in frame.to_dicts()]


def _plain(value: object) -> Any:
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%dT%H:%M:%SZ}"
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return [_plain(each) for each in value] if isinstance(value, list | tuple) else value


def _digest(body: Passport) -> str:
    text = json.dumps(body, ensure_ascii=False, sort_keys=True, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def _recorded_hash(file: Path) -> str:
    """The hash under which the snapshot was published; hashed anew where no record stands beside it."""
    record = file.with_suffix(".json")
    if record.is_file():
        return str(json.loads(record.read_text(encoding="utf-8"))["sha256"])
    return snapshots.sha256(file)


def _read_by(sql: str, known: Mapping[str, object]) -> list[str]:
    """The published tables that a query names."""
    return [name for name in dict.fromkeys(re.findall(r"\b(?:core|marts)\.[a-z_0-9]+", sql)) if name in known]


def _lineage(snapshot: Snapshot, tables: list[str]) -> list[dict[str, Any]]:
    """The tables, and every model and kept table that they are built from; exports are named in `reads`."""
    if "meta.definitions" not in snapshot.columns:
        return [{"name": name, "sha256": None, "reads": []} for name in tables]
    known = {row["name"]: row for row in query.meta(snapshot, "definitions").to_dicts()}
    reads = {name: [] if name == REGISTRY else list(row["reads"] or ()) for name, row in known.items()}
    return [{**known[name], "reads": reads[name]} for name in behind(reads, tables) if name in known]


def behind(reads: Mapping[str, Iterable[str]], tables: Iterable[str]) -> list[str]:
    """The tables and everything that they are built from, however far back; the registry is named, not followed.

    `reads` has the tables that each model's SELECT names.
    """
    found = dict.fromkeys(tables)
    waiting = list(found)
    while waiting:
        name = waiting.pop()
        new = [source for source in reads.get(name, ()) if source not in found] if name != REGISTRY else []
        found |= dict.fromkeys(new)
        waiting += new
    return list(found)


def _datasets(lineage: list[dict[str, Any]]) -> set[str]:
    """The exports that a lineage reads: raw tables that are neither kept by people nor told by the run itself."""
    read = {name for model in lineage for name in model["reads"] if name.startswith("raw.")}
    ours = {model["name"] for model in lineage} | {f"raw.{name}" for name in models.RUN_INPUTS}
    return {name.removeprefix("raw.") for name in read - ours}


def _files(snapshot: Snapshot, wanted: set[str]) -> list[dict[str, Any]]:
    """The files that brought rows of the datasets, each with its hash and its row accounting."""
    if "meta.load_datasets" not in snapshot.columns:
        return []
    sql = """
        select loads.load_id, source, feed, file, sha256, rows_read, rows_loaded, rows_quarantined, rows_duplicate,
            data_through, list(dataset order by dataset) as datasets
        from meta.loads as loads inner join meta.load_datasets using (load_id)
        where loads.state = 'loaded' and list_contains(?::varchar[], dataset)
        group by all order by load_id"""
    return _rows(snapshot.run(Query(sql, (sorted(wanted),))))


def _columns(kpi: Kpi, lineage: list[dict[str, Any]]) -> frozenset[str] | None:
    """Names of the columns that stand behind the KPI; None where today's models are not those of the snapshot.

    By name, not by path: a column that two models call alike counts for both, which shows a check too many at worst.
    """
    texts = {model.name: model.sql for model in models.load_models()}
    words = re.findall(r"[a-z_0-9]+", " ".join(filter(None, _expressions(kpi))))
    names = set(words)
    for model in lineage:
        text = texts.get(model["name"])
        if text is None or model["name"].startswith("staging."):
            continue
        if hashlib.sha256(text.encode()).hexdigest() != model["sha256"]:
            return None
        names |= _named(text)
    return frozenset(names)


def _expressions(kpi: Kpi) -> tuple[str | None, ...]:
    return (
        *(kpi.time, kpi.numerator, kpi.denominator, kpi.pending, kpi.duration, kpi.event, kpi.limit, kpi.group),
        *kpi.strata,
        *kpi.dimensions,
    )


@lru_cache(maxsize=256)
def _named(sql: str) -> frozenset[str]:
    """The columns that a model names."""
    return frozenset(column.name.lower() for column in sqlglot.parse_one(sql, read="duckdb").find_all(exp.Column))


def _checks(
    snapshot: Snapshot, lineage: list[dict[str, Any]], columns: frozenset[str] | None
) -> list[dict[str, Any]]:
    """What the night's checks said of the columns behind the KPI, in exports and in models."""
    if "meta.checks" not in snapshot.columns:
        return []
    suites = [*(f"exports.{name}" for name in _datasets(lineage)), *(model["name"] for model in lineage)]
    # A check without a column is one of the whole table.
    named = "" if columns is None else "and (column_name = '' or list_contains(?::varchar[], column_name))"
    sql = f"""
        select suite, column_name, code, severity, success, unexpected_count, element_count, load_id,
            reason_zh, reason_en
        from meta.checks where list_contains(?::varchar[], suite) {named} order by all"""
    binds: tuple[object, ...] = (suites,) if columns is None else (suites, sorted(columns))
    return _rows(snapshot.run(Query(sql, binds)))
