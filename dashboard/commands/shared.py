"""What all commands share: language, home, options, and how results and failures are shown."""

from __future__ import annotations

import csv
import json
import math
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, NoReturn
from zoneinfo import ZoneInfo

import typer

from dashboard.i18n import LANGUAGES, translator

if TYPE_CHECKING:
    from ingestion.reader_settings import ReaderSettings
    from ingestion.settings import Settings

PUBLISHED, STOPPED, USAGE, FAILED = 0, 1, 2, 3
"""Exit codes: published or nothing new; stopped by the gate; wrong usage or settings; anything else, also that
another run holds the home."""

NAMES_SHOWN = 40

Format = Literal["table", "json", "csv"]


def language(arguments: Sequence[str], environment: Mapping[str, str]) -> str:
    """The language to speak: --lang, else AFTERCARE_LANG, else what the system speaks.

    Read before the commands are declared, since their help texts are words too.
    """
    for position, argument in enumerate(arguments):
        name, _, value = argument.partition("=")
        if name == "--lang":
            told = value or (arguments[position + 1] if position + 1 < len(arguments) else "")
            if told in LANGUAGES:
                return told
    told = environment.get("AFTERCARE_LANG", "")
    if told in LANGUAGES:
        return told
    system = environment.get("LC_ALL") or environment.get("LANG", "")
    return "zh" if system.startswith("zh") else "en"


in_use: list[Settings | ReaderSettings] = []
"""The settings of the command that runs, for whoever must explain its failure."""

LANG = language(sys.argv[1:], os.environ)
t = translator(LANG)

Home = Annotated[Path | None, typer.Option("--home", help=t("cli.options.home"), show_default=False)]
Lang = Annotated[Literal["zh", "en"] | None, typer.Option("--lang", help=t("cli.options.lang"), show_default=False)]
Output = Annotated[Format, typer.Option("--format", help=t("cli.options.format"))]


def settings(home: Path | None, **changes: object) -> Settings:
    """All settings, for a command that runs a night; `home` absolute, to mean the same in a child process."""
    from ingestion.settings import Settings

    given: dict[str, Any] = {**({"home": home} if home else {}), **changes}
    told = Settings(**given)
    whole = told.model_copy(update={"home": told.home.expanduser().resolve()})
    in_use.append(whole)
    return whole


def reading(home: Path | None) -> ReaderSettings:
    """The settings of a command that runs no night; `home` as an absolute path."""
    from ingestion import reader_settings

    told = reader_settings.read(home)
    whole = replace(told, home=told.home.expanduser().resolve())
    in_use.append(whole)
    return whole


def fail(message: str, code: int = FAILED) -> NoReturn:
    """Say on stderr why nothing came of it, and end."""
    typer.echo(message, err=True)
    raise typer.Exit(code)


def one_of(option: str, name: str, known: Iterable[str], also: Mapping[str, str] | None = None) -> str:
    """A name given on the command line, which has to be a known one; else the nearest ones are told.

    Args:
        also: what people call some of the names -> the name itself.
    """
    names, called = list(known), also or {}
    if name in names:
        return name
    from difflib import get_close_matches

    meant = [called.get(one, one) for one in get_close_matches(name, [*called, *names])]
    alike = dict.fromkeys(one for one in meant if one in names)
    near = t("cli.errors.near", names=", ".join(alike)) if alike else ""
    shown = ", ".join([*names[:NAMES_SHOWN], *(["…"] if len(names) > NAMES_SHOWN else [])]) or "—"
    fail(t("cli.errors.unknown_name", option=option, name=name, near=near, known=shown), USAGE)


def folder(path: Path) -> Path:
    """An existing folder given by the user, absolute."""
    if not path.is_dir():
        fail(t("cli.errors.not_a_folder", path=path), USAGE)
    return path.resolve()


def day(text: str | None) -> date | None:
    """A date option."""
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        fail(t("cli.errors.bad_date", text=text), USAGE)


def pairs(texts: Sequence[str] | None, form: str) -> list[tuple[str, str]]:
    """Options of the form NAME=VALUE."""
    found = []
    for text in texts or ():
        name, equals, value = text.partition("=")
        if not (name and equals):
            fail(t("cli.errors.bad_pair", text=text, form=form), USAGE)
        found.append((name, value))
    return found


def plain(value: object) -> object:
    """A value as JSON can hold it: dates ISO, instants ISO with their zone (Z), decimals as integers, never NaN."""
    if isinstance(value, datetime):
        return f"{in_utc(value):%Y-%m-%dT%H:%M:%SZ}"
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, Mapping):
        return {str(key): plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [plain(inner) for inner in value]
    return value


def in_utc(instant: datetime) -> datetime:
    """An instant with its zone; without one it is UTC, as everywhere inside this program."""
    return instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant.astimezone(UTC)


def show_json(value: object) -> None:
    """One JSON document on stdout, in UTF-8 whatever the terminal's encoding."""
    text = json.dumps(plain(value), ensure_ascii=False, allow_nan=False, indent=1)
    sys.stdout.buffer.write(text.encode() + b"\n")
    sys.stdout.flush()


def show_rows(rows: Sequence[Mapping[str, object]], columns: Sequence[str], form: Format, zone: str = "UTC") -> None:
    """Rows on stdout as a table, JSON list or CSV (UTF-8). Only a table shows instants on the clock of `zone`."""
    if form == "json":
        show_json(list(rows))
    elif form == "csv":
        writer = csv.writer(sys.stdout)
        writer.writerow(columns)
        writer.writerows([_cell(row.get(column)) for column in columns] for row in rows)
    else:
        _show_table(rows, columns, zone)


def _cell(value: object) -> object:
    """A cell no spreadsheet takes for a formula: text (never a number) that begins like one gets an apostrophe."""
    simple = plain(value)
    if isinstance(simple, str) and simple[:1] in tuple("=+-@\t\r＝＋－＠"):
        return f"'{simple}"
    return "" if simple is None else simple


def _show_table(rows: Sequence[Mapping[str, object]], columns: Sequence[str], zone: str) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD)
    numeric = {
        column for column in columns if any(isinstance(row.get(column), int | float | Decimal) for row in rows)
    }
    for column in columns:
        table.add_column(column, justify="right" if column in numeric else "left", overflow="fold")
    for row in rows:
        table.add_row(*(_text(row.get(column), zone) for column in columns))
    # Piped output must not be cut at 80 characters.
    console = Console(markup=False, highlight=False, emoji=False)
    if not console.is_terminal:
        console = Console(markup=False, highlight=False, emoji=False, width=400)
    console.print(table)


def _text(value: object, zone: str) -> str:
    if isinstance(value, datetime):
        return f"{in_utc(value).astimezone(ZoneInfo(zone)):%Y-%m-%d %H:%M}"
    if isinstance(value, float):
        return f"{value:.6g}" if math.isfinite(value) else ""
    return "" if value is None else str(plain(value))
