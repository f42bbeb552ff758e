"""The two gates of a run: landed exports before they are kept, built models before they are published.

What is checked stands in data_checks; here it is asked, written to the ledger, and obeyed.
"""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import polars as pl

from data_checks import gate
from data_checks.rules import rules
from ingestion import accuracy, calendars
from ingestion.errors import Finding
from ingestion.overrides import CHECK_FAILED
from ingestion.sqltext import quoted
from ingestion.steps import reached
from ingestion.warehouse import feeds, kpi_bounds, ledger, models, snapshots
from ingestion.warehouse.kpis import load_kpis

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    import duckdb

    from ingestion.landing import Landed
    from ingestion.mapping import Feed, Source
    from ingestion.night import Night

NIGHTS_COMPARED = 7
"""How many earlier nights say what a usual number of rows is."""


def check_accuracy(tonight: Night, landed: list[Landed]) -> None:
    """Check the share of records taken in, per table and per KPI's own inputs. What fails stops the night."""
    checks = tuple(accuracy.judge(landed))
    if checks:
        _obey(tonight, gate.GateResult(gate.EXPORTS, checks), None)


def check_bounds(tonight: Night) -> None:
    """Tell of every KPI whose target is met or missed depending on the rows held back, and do as its rule says.

    Raises:
        Stopped: the rule of such a KPI says stop.
    """
    crossing = ledger.fetch(tonight.con, "select * from meta.kpi_bounds where is_crossing order by kpi")
    if crossing:
        _obey(tonight, gate.GateResult(gate.MARTS, tuple(_crossing(row) for row in crossing)), None)
    tonight.stop_if_told()


def _crossing(row: dict[str, Any]) -> gate.CheckResult:
    """The check that failed: a bound of the KPI lies on the other side of its target than the other."""
    kpi = load_kpis(models.SQL_DIR / "kpis")[row["kpi"]]
    label = rules()["bound_crosses_target"].label
    ends = {
        lang: _interval(row["lower"], row["upper"], kpi.unit, words)
        for lang, words in (("zh", ("至少", "至多", "至")), ("en", ("at least", "at most", "to")))
    }
    goal, held = _plain(row["target"], kpi.unit), row["held_count"]
    return gate.CheckResult(
        stage=gate.MARTS,
        suite=kpi.id,
        expectation="impact_bound",
        column="",
        severity=kpi_bounds.load(models.SQL_DIR)[kpi.id].on_crossing,
        success=False,
        unexpected_count=held,
        element_count=None,
        code="bound_crosses_target",
        reason_zh=f"{label['zh']}：{kpi.label['zh']}，若计入被隔离的 {held} 条，应为 {ends['zh']}；目标 {goal}",
        reason_en=f"{label['en']}: {kpi.label['en']}, {ends['en']} with the {held} held back counted; target {goal}",
    )


def _interval(lower: float | None, upper: float | None, unit: str, words: tuple[str, str, str]) -> str:
    least, most, to = words
    if lower is None or upper is None:
        word, end = (least, lower) if upper is None else (most, upper)
        return f"{word} {_plain(end, unit)}"
    return f"{_plain(lower, unit)} {to} {_plain(upper, unit)}"


def _plain(value: float | None, unit: str) -> str:
    """A value for the log and the ledger; pages speak of time in hours and days."""
    if value is None:
        return "—"
    # A few rows of many move a share by hundredths of a per cent: both ends would read like the target.
    return {"ratio": f"{100 * value:,.2f} %", "seconds": f"{value:,.0f} s"}.get(unit, f"{value:,.1f}")


def check_exports(tonight: Night, landed: list[Landed]) -> None:
    """Check what every file became, file by file: two full exports of one night may well overlap.

    Raises:
        Stopped: a check failed that stops the night.
    """
    tonight.progress.stage("check_exports", len(landed))
    for one in landed:
        tonight.progress.part(one.file)
        # What says that a key is gone has nothing but its key.
        kept = "(from landing.{} where not is_gone)"
        tables = {dataset: kept.format(quoted(one.table(dataset))) for dataset in one.datasets}
        result = gate.run_export_checks(
            tonight.con,
            "scratch",
            tables,
            # A file without records is landing's to judge; one dataset of several may well get none.
            may_be_empty=tables if one.rows_read or one.settings.may_be_empty else (),
            keys=_keys(one.settings),
        )
        _obey(tonight, result, one.load_id, one.file)
    reached("exports_checked")
    tonight.stop_if_told()


def _keys(feed: Feed) -> dict[str, tuple[str, ...]]:
    """Keys that consist of our columns; one with a heading of theirs cannot be looked at any more."""
    declared = {dataset.name: dataset.key for dataset in feed.datasets}
    return {name: key for name, key in declared.items() if not any(part.startswith("@") for part in key)}


def check_marts(tonight: Night) -> None:
    """Check every model beyond staging, published or not, against the facts and against recent nights.

    Raises:
        Stopped: a check failed that stops the night.
    """
    grains = {model.name: model.grain for model in models.load_models() if model.schema != "staging"}
    tonight.progress.stage("check_marts", len(grains))
    _write_previous_volumes(tonight)
    _write_compared_days(tonight)
    result = gate.run_mart_checks(
        tonight.con,
        tonight.build_catalog,
        grains,
        beside="scratch",
        is_grain_proven=True,
        moved=_moved(tonight),
    )
    _obey(tonight, result, None)
    reached("marts_checked")
    tonight.stop_if_told()


def _moved(tonight: Night) -> set[str] | None:
    """What has to be looked at again where tonight's tables were made from last night's: None is everything."""
    pointer = snapshots.published(tonight.places.home)
    last = pointer.waiting or pointer if pointer else None
    if tonight.changed_tables is None or last is None:
        return None
    broken = tonight.con.execute(
        "select distinct suite from warehouse.meta.checks where run_id = ? and stage = ? and not success",
        [last.run_id, gate.MARTS],
    ).fetchall()
    return {*tonight.changed_tables, *(suite for (suite,) in broken)}


def judge_spark(tonight: Night, failed: Sequence[gate.CheckResult]) -> None:
    """Obey the checks that failed on Spark; those that held are asked again of the snapshot, and counted there.

    Raises:
        Stopped: there are any that stop the night.
    """
    if failed:
        _obey(tonight, gate.GateResult(gate.MARTS, tuple(failed)), None)
        tonight.stop_if_told()


def check_freshness(tonight: Night, as_of: datetime, sources: Mapping[str, Source]) -> None:
    """Warn of feeds that brought nothing although the others did: their part of the newest days is missing."""
    ended = ended_feeds(tonight.con, as_of, sources)
    told = [
        (feed, state, feed.copied_run_id == tonight.run_id)
        for feed in feeds.read(tonight.con)
        if (feed.source, feed.feed) not in ended and (state := feed.state(as_of, tonight.run_id)) != "too_few"
    ]
    # A copy that came tonight is told of by itself, with what to do.
    checks = [_fresh(feed, as_of, state, success=state == "on_time" or is_told) for feed, state, is_told in told]
    if checks:
        _obey(tonight, gate.GateResult(gate.EXPORTS, tuple(checks)), None)


def ended_feeds(
    con: duckdb.DuckDBPyConnection, as_of: datetime, sources: Mapping[str, Source]
) -> set[tuple[str, str]]:
    """Feeds of which no file is to come any more: no longer declared, or retired."""
    return {
        (feed.source, feed.feed)
        for feed in feeds.read(con)
        if feed.source not in sources or not sources[feed.source].awaits(feed.feed, feed.data_through, as_of)
    }


def _fresh(feed: feeds.Feed, as_of: datetime, state: feeds.State, *, success: bool) -> gate.CheckResult:
    rule = rules()["feed_overdue"]
    copied = {
        "zh": f"；此后到达的 {feed.copy} 与已入库的文件内容相同",
        "en": f"; {feed.copy}, which came since, is a copy of an earlier one",
    }
    if state != "copied":
        copied = dict.fromkeys(copied, "")
    behind, usual = (
        f"{seconds / 86400:.1f}" for seconds in (feed.seconds_behind(as_of), feed.longest_gap_seconds or 0)
    )
    return gate.CheckResult(
        stage=gate.EXPORTS,
        suite=f"{feed.source}/{feed.feed}",
        expectation="freshness",
        column="",
        severity=rule.severity,
        success=success,
        unexpected_count=None,
        element_count=None,
        code=rule.code,
        reason_zh=f"{rule.label['zh']}：比统计截止时间早 {behind} 天，平常最多间隔 {usual} 天；"
        f"最近一份是 {feed.file}{copied['zh']}",
        reason_en=f"{rule.label['en']}: it ends {behind} days before the others; its longest pause is {usual} days; "
        f"newest file: {feed.file}{copied['en']}",
    )


def check_calendars(tonight: Night, as_of: datetime) -> None:
    """Check that every working calendar knows the days from the first ticket to as_of.

    A day after as_of, up to the longest limit, may be assumed: that is told, since deadlines may move.

    Raises:
        Stopped: it lacks a day that is past.
    """
    file = models.static_inputs().get("calendar_days")
    row = tonight.con.execute(
        "select min(created_at) from warehouse.raw.tickets where created_at <= ?", [as_of]
    ).fetchone()
    if file is None or row is None or row[0] is None:
        return
    zone = ZoneInfo(tonight.settings.business_timezone)
    first, last, end = (
        instant.replace(tzinfo=UTC).astimezone(zone).date() for instant in (row[0], as_of, as_of + _longest_limit())
    )
    days = calendars.read_calendar(file)
    for calendar in days["calendar_id"].unique().sort().to_list():
        missing = calendars.covers(days, first, last, calendar).missing
        if missing:
            tonight.tell("stop", Finding("calendar_gap", {"calendar": calendar, "days": _spans(missing)}))
        assumed = calendars.covers(days, first, end, calendar).assumed
        if assumed:
            tonight.tell("warn", Finding("calendar_assumed", {"calendar": calendar, "days": _spans(assumed)}))
    tonight.stop_if_told()


def _longest_limit() -> timedelta:
    """The longest promise of the SLA policies."""
    file = models.static_inputs().get("sla")
    if file is None:
        return timedelta()
    limits = pl.read_csv(file, infer_schema=False)["limit_seconds"].cast(pl.Int64, strict=False)
    return timedelta(seconds=max(limits.drop_nulls().to_list(), default=0))


def _spans(spans: list[calendars.Span]) -> str:
    return ", ".join(str(first) if first == last else f"{first} – {last}" for first, last in spans)


def _obey(tonight: Night, result: gate.GateResult, load_id: str | None, file: str = "") -> None:
    """Write every check to the ledger; what failed becomes a finding, which may stop the night."""
    tonight.judged.append((file, result))
    ledger.record_checks(tonight.con, tonight.run_id, load_id, map(asdict, result.checks))
    for check in result.checks:
        if check.success:
            tonight.checks.passed += 1
            continue
        fields: dict[str, str | int] = {
            "suite": check.suite,
            "column": check.column,
            "zh": check.reason_zh,
            "en": check.reason_en,
        }
        if check.unexpected_count is not None:
            fields["rows"] = check.unexpected_count
        severity = "warn" if check.severity == "warn" else "stop"
        stops = tonight.tell(severity, Finding(CHECK_FAILED, {**fields, "check": check.code}), load_id) == "stop"
        tonight.checks.failed += stops
        tonight.checks.warned += not stops
    if result.verdict == "stop" and not any(check.severity != "warn" for check in result.failed):
        # The gate says stop without naming a check: it checked nothing.
        label = rules()["no_checks"].label
        fields = {"suite": result.stage, "column": "", "zh": label["zh"], "en": label["en"]}
        tonight.tell("stop", Finding(CHECK_FAILED, {**fields, "check": "no_checks"}), load_id)


def _write_compared_days(tonight: Night) -> None:
    """meta.compared_days of the build: the days that ended since the night before, and the ten weeks before them.

    None on a first night, whose exports may begin and end anywhere, nor where there is no working calendar.
    """
    run = tonight.con.execute(
        "select max(as_of), (select max(as_of) from scratch.raw.nights), max(business_timezone) from scratch.raw.run"
    ).fetchone()
    if "calendar_days" not in models.static_inputs() or run is None or run[1] is None:
        return
    zone = ZoneInfo(run[2])
    until, since = (instant.replace(tzinfo=UTC).astimezone(zone).date() for instant in run[:2])
    tonight.con.execute(
        """create table meta.compared_days as
        select date, date >= $since as is_new, is_working, weekday, is_working = (weekday < 6) as is_regular
        from (
            select cast(date as date) as date, cast(is_working as boolean) as is_working,
                isodow(cast(date as date)) as weekday
            from scratch.raw.calendar_days where calendar_id = $calendar
        )
        where date < $until and date >= $since - 70 and date >= $until - 100""",
        {"since": since, "until": until, "calendar": calendars.CALENDAR_ID},
    )


def _write_previous_volumes(tonight: Night) -> None:
    """meta.previous_volumes of the build: how many rows each model had on recent nights."""
    tonight.con.execute("create schema if not exists meta")
    tonight.con.execute(
        """create table meta.previous_volumes as
        with nights as (
            select run_id from warehouse.meta.runs where verdict in ('published', 'held')
            order by run_id desc limit ?
        )
        select model as dataset, row_count from warehouse.meta.volumes join nights using (run_id)""",
        [NIGHTS_COMPARED],
    )
