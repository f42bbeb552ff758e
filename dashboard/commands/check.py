"""`aftercare check`: would tonight take in this file? Nothing is written."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from dashboard.commands import shared
from dashboard.commands.shared import LANG, Home, Lang, t

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ingestion.check import CheckResult

REASON_COLUMNS = ("row", "key", "column", "code", "reason")
REASONS_SHOWN = 50


def check(
    file: Annotated[Path, typer.Argument(help=t("cli.check.file"), show_default=False)],
    source: Annotated[str, typer.Option(help=t("cli.check.source"), show_default=False)],
    feed: Annotated[str, typer.Option(help=t("cli.check.feed"), show_default=False)],
    options: Annotated[list[str] | None, typer.Option("--set", help=t("cli.check.set"), show_default=False)] = None,
    context: Annotated[list[str] | None, typer.Option(help=t("cli.check.context"), show_default=False)] = None,
    form: Annotated[Literal["table", "json"], typer.Option("--format", help=t("cli.options.format"))] = "table",
    home: Home = None,
    lang: Lang = None,
) -> None:
    from ingestion.check import check_file
    from ingestion.errors import MappingInvalid

    own = shared.reading(home).home / "mappings"
    changes = dict(shared.pairs(options, "OPTION=VALUE"))
    others = dict(shared.pairs(context, "DATASET=FILE"))
    _verify_names(own, source, feed, changes, others)
    files = {name: _file(Path(path)) for name, path in others.items()}
    try:
        result = check_file(_file(file), source, feed, changes, files, own_mappings=own)
    except MappingInvalid as error:
        if not error.export.startswith("--set"):
            raise
        shared.fail(t("cli.errors.bad_option", detail=error.detail), shared.USAGE)
    if form == "json":
        shared.show_json(told(result))
    else:
        show(file.name, result)
    raise typer.Exit(shared.STOPPED if result.verdict == "reject" else shared.PUBLISHED)


def _verify_names(own: Path, source: str, feed: str, options: Mapping[str, str], context: Mapping[str, str]) -> None:
    """End with a sentence where the command line names what does not exist: no file is to blame for that."""
    from ingestion.mapping import OPTIONS, load_sources

    sources = load_sources(own)
    feeds = sources[shared.one_of("--source", source, sources)].feeds
    shared.one_of("--feed", feed, feeds)
    for name in options:
        shared.one_of("--set", name, OPTIONS)
    given = dict.fromkeys(dataset.name for one in feeds.values() for dataset in one.datasets)
    for name in context:
        shared.one_of("--context", name, given)


def _file(path: Path) -> Path:
    if not path.is_file():
        shared.fail(t("cli.errors.not_a_file", path=path), shared.USAGE)
    return path


def told(result: CheckResult) -> dict[str, Any]:
    """A dry run as JSON shows it."""
    from dashboard.words import sentence

    def findings(which: list[Any]) -> list[dict[str, Any]]:
        return [{"code": one.code, **one.fields, "sentence": sentence(t, LANG, one, is_trial=True)} for one in which]

    faults, warnings = findings(result.faults), findings(result.warnings)
    return {
        "verdict": result.verdict,
        "message": " ".join(finding["sentence"] for finding in faults or warnings),
        "rows_read": result.rows_read,
        "rows_loaded": result.rows_loaded,
        "rows_quarantined": result.rows_quarantined,
        "rows_duplicate": result.rows_duplicate,
        "reasons": [vars(reason) for reason in result.reasons],
        "notes": findings(result.notes),
        "warnings": warnings,
        "faults": faults,
    }


def show(name: str, result: CheckResult) -> None:
    """A dry run in words."""
    from dashboard.words import reason, sentence

    counts = {key: value for key, value in vars(result).items() if key.startswith("rows_")}
    typer.echo(t("cli.check.summary", file=name, verdict=t(f"cli.check.{result.verdict}"), **counts))
    for severity, findings in (("stop", result.faults), ("warn", result.warnings), ("note", result.notes)):
        for finding in findings:
            typer.echo(f"[{t(f'cli.run.{severity}')}] {sentence(t, LANG, finding, is_trial=True)}")
    # Row 0 stands for the file as a whole, which the findings above speak of.
    rows = [{**vars(one), "reason": reason(LANG, one.code)} for one in result.reasons if one.row]
    if rows:
        shared.show_rows(rows[:REASONS_SHOWN], REASON_COLUMNS, "table")
    if len(rows) > REASONS_SHOWN:
        typer.echo(t("cli.check.more", count=len(rows) - REASONS_SHOWN))
