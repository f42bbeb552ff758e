"""`aftercare connect`: draft the mapping of a file nobody has described yet, for a person to review."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from dashboard.commands import check, shared
from dashboard.commands.shared import Home, Lang, t

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ingestion.connect.connector import Connected
    from ingestion.connect.evidence import Column

FORMATS_SHOWN = 3


def connect(
    file: Annotated[Path, typer.Argument(help=t("cli.connect.file"), show_default=False)],
    source: Annotated[str, typer.Option(help=t("cli.connect.source"), show_default=False)],
    feed: Annotated[str, typer.Option(help=t("cli.connect.feed"), show_default=False)],
    dataset: Annotated[list[str] | None, typer.Option(help=t("cli.connect.dataset"), show_default=False)] = None,
    options: Annotated[list[str] | None, typer.Option("--set", help=t("cli.connect.set"), show_default=False)] = None,
    sheet: Annotated[str | None, typer.Option(help=t("cli.connect.sheet"), show_default=False)] = None,
    force: Annotated[bool, typer.Option("--force", help=t("cli.connect.force"))] = False,
    form: Annotated[Literal["table", "json"], typer.Option("--format", help=t("cli.options.format"))] = "table",
    home: Home = None,
    lang: Lang = None,
) -> None:
    from data_checks.contract import datasets
    from ingestion.connect.connector import connect as propose
    from ingestion.connect.write import ConnectRefused
    from ingestion.errors import MappingInvalid
    from ingestion.mapping import OPTIONS

    own = shared.reading(home).home / "mappings"
    given = dict(shared.pairs(options, "OPTION=VALUE")) | ({"sheet": sheet} if sheet else {})
    for name in given:
        shared.one_of("--set", name, OPTIONS)
    for name in dataset or ():
        shared.one_of("--dataset", name, datasets())
    if not file.is_file():
        shared.fail(t("cli.errors.not_a_file", path=file), shared.USAGE)
    try:
        done = propose(file, source, feed, own, _words, wanted=dataset or (), options=given, force=force)
    except ConnectRefused as refused:
        shared.fail(t(f"cli.connect.refused.{refused.code}", **refused.fields), shared.USAGE)
    except MappingInvalid as error:
        if not error.export.startswith("--set"):
            raise
        shared.fail(t("cli.errors.bad_option", detail=error.detail), shared.USAGE)
    command = _command(file, source, feed, home)
    if form == "json":
        shared.show_json(_told(done, file, source, feed, command))
    else:
        _show(done, file, source, feed, command)
    is_ready = done.checked is not None and done.checked.verdict != "reject"
    raise typer.Exit(shared.PUBLISHED if is_ready else shared.STOPPED)


def _words(code: str, /, **fields: object) -> str:
    return t(f"cli.connect.{code}", **fields)


def _command(file: Path, source: str, feed: str, home: Path | None) -> str:
    """What to type once the files are reviewed."""
    parts = ["aftercare", "check", str(file), "--source", source, "--feed", feed]
    return shlex.join([*parts, *(["--home", str(home)] if home else [])])


def _proposed(done: Connected, heading: str) -> Iterator[dict[str, object]]:
    for one in done.proposals:
        for match in one.matches:
            if match.their_heading == heading:
                yield {
                    "dataset": one.dataset,
                    "column": match.our_column,
                    "score": match.score,
                    "sure": match.sureness,
                    "reason": match.reason,
                }


def _told(done: Connected, file: Path, source: str, feed: str, command: str) -> dict[str, Any]:
    layout = done.layout
    return {
        "file": file.name,
        "source": source,
        "feed": feed,
        "layout": {
            "format": layout.format,
            "encoding": layout.encoding or None,
            "delimiter": layout.delimiter or None,
            "sheet": layout.sheet or (layout.sheets[0] if layout.sheets else None),
            "sheets": layout.sheets,
            "header_row": layout.header_row,
            "header_rows": layout.header_rows,
            "path": layout.path or None,
        },
        "rows_read": done.rows,
        "headings": [_heading(done, column) for column in done.columns],
        "datasets": [
            {
                "dataset": one.dataset,
                "mapping": done.mappings[one.dataset],
                "where": one.where or None,
                "collapse": one.collapse,
                "missing": [match.our_column for match in one.missing],
            }
            for one in done.proposals
        ],
        "options": done.options,
        "decisions": [
            {"code": one.code, **one.fields, "sentence": _words(f"doubts.{one.code}", **one.fields)}
            for one in done.doubts
        ],
        "to_fill": [
            {"file": str(path), "line": line, "dataset": dataset, "column": column}
            for path, line, dataset, column in done.to_fill
        ],
        "written": [str(path) for path in done.written],
        "check": check.told(done.checked) if done.checked else None,
        "next": command,
    }


def _heading(done: Connected, column: Column) -> dict[str, object]:
    return {
        "heading": column.heading,
        "type": column.type,
        "filled": round(column.share_filled, 4),
        "proposed": list(_proposed(done, column.heading)),
        "real_dates": column.real_instants,
        "formats": [
            {
                "format": one.format,
                "share": round(one.share, 4),
                "count": one.count,
                "of": one.of,
                "is_ambiguous": one.is_ambiguous,
            }
            for one in column.formats
        ],
    }


def _show(done: Connected, file: Path, source: str, feed: str, command: str) -> None:
    rows = [_row(done, column) for column in done.columns]
    told = {"file": file.name, "source": source, "feed": feed, "rows": done.rows, "columns": len(rows)}
    mapped = sum(any(_proposed(done, column.heading)) for column in done.columns)
    typer.echo(t("cli.connect.title", **told, mapped=mapped))
    read_as = ", ".join(f"{name} = {value}" for name, value in done.options.items())
    typer.echo(t("cli.connect.layout", told=read_as))
    shared.show_rows(rows, list(rows[0]) if rows else [], "table")
    if done.doubts:
        typer.echo(t("cli.connect.decide"))
        for doubt in done.doubts:
            typer.echo(f"  - {_words(f'doubts.{doubt.code}', **doubt.fields)}")
    typer.echo(t("cli.connect.written"))
    for path in done.written:
        typer.echo(f"  {path}")
    for path, line, dataset, column in done.to_fill:
        typer.echo(t("cli.connect.fill", file=path, line=line, dataset=dataset, column=column))
    if done.checked is None:
        typer.echo(t("cli.connect.untried", command=command))
        return
    check.show(file.name, done.checked)
    typer.echo(t("cli.connect.next", command=command))


def _row(done: Connected, column: Column) -> dict[str, object]:
    proposed = list(_proposed(done, column.heading))
    sures = dict.fromkeys(t(f"cli.connect.sureness.{one['sure']}") for one in proposed)
    dates: list[str] = []
    if column.real_instants:
        dates.append(t("cli.connect.types.real", share=f"{column.real_instants / column.filled:.0%}"))
    for one in column.formats[:FORMATS_SHOWN]:
        plain = f"{one.format} {one.share:.1%}"
        ambiguous = t("cli.connect.types.ambiguous", format=one.format, share=f"{one.share:.1%}")
        dates.append(ambiguous if one.is_ambiguous else plain)
    shown = {
        "heading": column.heading,
        "proposed": ", ".join(f"{one['dataset']}.{one['column']}" for one in proposed) or t("cli.connect.none"),
        "sure": ", ".join(sures),
        "type": t(f"cli.connect.types.{column.type}"),
        "filled": f"{column.share_filled:.0%}",
        "formats": "; ".join(dates) if column.type == "instant" or column.real_instants else "",
    }
    return {t(f"cli.connect.columns.{name}"): value for name, value in shown.items()}
