"""What a model's header says of its rows by key, so that a night can recompute only the keys that something touched.

    -- by: ticket_key                       a row follows from what its inputs hold under the same key
    -- key: raw.tickets = source || ':' || ticket_id      how the key reads in an input that has no such column
    -- via: core.dim_products.product_key = staging.stg_tickets.product_key
                                            of the left table only rows that equal a row of the right one count;
                                            the right one may be `self`, the model's own row
    -- near: core.fct_surveys.ticket_key    a row also follows from keys that share this value with it
    -- shared: asking_sources               a CTE that looks at all keys: where it changes, so may every row
    -- moves: is_open                       which rows change as as_of alone moves on: a condition over old rows
    -- moves: in staging.stg_visits: ...    the same, over rows of an input with the key
    -- moves: instants of raw.tickets       rows of which any instant lies between the old as_of and the new one
    -- moves: never                         as_of is read, but no row that is there changes by it
    -- timed: core.dim_status_days          an input that only as_of changes: what moves says holds for it too
    -- reads: core.dim_status_days month_no the columns of an input that count, where the text has words like others

In a condition old_as_of, new_as_of, old_date and new_date stand for the two instants and their local days; crosses(x)
is true of what lies between them, crosses_year(x) of that or of what did so 365 days later, both with a margin: a key
more than needed changes nothing. What is in no line is one for all keys: where it changes, all is built anew.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import sqlglot
from sqlglot import TokenType

from ingestion.warehouse.errors import ModelInvalid

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ingestion.warehouse.models import Model

SELF = "self"
# A text is read once: it says the same every night.
_READ: dict[str, Keying | None] = {}
_LINE = re.compile(r"^--\s*(by|key|via|near|shared|moves|timed|reads):\s*(.+?)\s*$", re.MULTILINE)
_VIA = re.compile(r"^(\w+\.\w+)\.(\w+) = (?:(self|\w+\.\w+)\.)(\w+)$")
_NEAR = re.compile(r"^(\w+\.\w+)\.(\w+)$")
_MOVES_IN = re.compile(r"^in (\w+\.\w+): (.+)$")
_ALIAS = re.compile(r"\s+as\s", re.IGNORECASE)
_WORD = re.compile(r"\w+")
_COMMENT = re.compile(r"--.*")
_INSTANTS_OF = re.compile(r"^instants of (\w+\.\w+)$")


@dataclass(frozen=True)
class Via:
    """Rows of `table` count where their `column` equals `target_column` of a row of `target`."""

    table: str
    column: str
    target: str
    target_column: str


@dataclass(frozen=True)
class Move:
    """Rows of `table` that change as as_of moves; without a condition those with an instant on its way."""

    table: str
    condition: str | None


@dataclass(frozen=True)
class Keying:
    """What the lines of one header say."""

    by: str
    keys: Mapping[str, str]
    vias: tuple[Via, ...]
    # (table, column): keys with the same value there are neighbours.
    near: tuple[tuple[str, str], ...]
    shared: tuple[str, ...]
    moves: tuple[Move, ...]
    # Whether the header speaks of as_of at all: else a model that reads it is built anew as it moves.
    has_moves: bool
    timed: tuple[str, ...]
    reads: Mapping[str, tuple[str, ...]]

    @property
    def looks_beyond(self) -> bool:
        """Whether a row may follow from rows of other keys, or of none."""
        return bool(self.keys or self.vias or self.near or self.shared)


def keying(model: Model) -> Keying | None:
    """The header's lines on keys; None where there is no `-- by:`.

    Raises:
        ModelInvalid: a line is none of the forms above, or names a table or CTE that the model does not have.
    """
    if model.sql not in _READ:
        _READ[model.sql] = _read(model)
    return _READ[model.sql]


def _read(model: Model) -> Keying | None:
    lines: dict[str, list[str]] = {}
    for word, text in _LINE.findall(model.sql):
        lines.setdefault(word, []).append(text)
    if "by" not in lines:
        if lines:
            raise ModelInvalid(model=model.name, reason=f"`-- {next(iter(lines))}:` without `-- by:`")
        return None
    keys = {}
    for text in lines.get("key", ()):
        table, is_there, expression = text.partition(" = ")
        if not is_there:
            raise ModelInvalid(model=model.name, reason=f"`-- key: {text}` is not `table = expression`")
        keys[table] = expression
    shared = tuple(name.strip() for text in lines.get("shared", ()) for name in text.split(","))
    found = Keying(
        by=lines["by"][0],
        keys=keys,
        vias=tuple(_via(model, text) for text in lines.get("via", ())),
        near=tuple(_near(model, text) for text in lines.get("near", ())),
        shared=shared,
        moves=tuple(_move(text) for text in lines.get("moves", ()) if text != "never"),
        has_moves="moves" in lines,
        timed=tuple(lines.get("timed", ())),
        reads={text.split()[0]: tuple(text.split()[1:]) for text in lines.get("reads", ())},
    )
    named = {
        *keys,
        *found.timed,
        *found.reads,
        *(table for table, _ in found.near),
        *(via.table for via in found.vias),
        *(via.target for via in found.vias),
    }
    for table in sorted((named | {move.table for move in found.moves}) - {SELF}):
        if table not in model.references:
            raise ModelInvalid(model=model.name, reason=f"the header names {table}, which it does not read")
    for name in shared:
        cte_body(model, name)
    return found


def _via(model: Model, text: str) -> Via:
    parts = _VIA.match(text)
    if not parts:
        raise ModelInvalid(model=model.name, reason=f"`-- via: {text}` is not `table.column = table.column`")
    return Via(*parts.groups())


def _near(model: Model, text: str) -> tuple[str, str]:
    parts = _NEAR.match(text)
    if not parts:
        raise ModelInvalid(model=model.name, reason=f"`-- near: {text}` is not `table.column`")
    return parts[1], parts[2]


def _move(text: str) -> Move:
    if parts := _INSTANTS_OF.match(text):
        return Move(parts[1], None)
    if parts := _MOVES_IN.match(text):
        return Move(parts[1], parts[2])
    return Move(SELF, text)


def cte_body(model: Model, name: str) -> tuple[int, int]:
    """Where the body of one CTE begins and ends in the text, without its parentheses. Raises ModelInvalid."""
    tokens = sqlglot.tokenize(model.sql, read="duckdb")
    depth = 0
    for place, token in enumerate(tokens[:-2]):
        is_head = (
            tokens[place + 1].token_type == TokenType.ALIAS and tokens[place + 2].token_type == TokenType.L_PAREN
        )
        if depth == 0 and token.text == name and is_head:
            return tokens[place + 2].end + 1, _closing(tokens, place + 2)
        depth += {TokenType.L_PAREN: 1, TokenType.R_PAREN: -1}.get(token.token_type, 0)
    raise ModelInvalid(model=model.name, reason=f"the header names {name}, which is no CTE of it")


def _closing(tokens: list[sqlglot.Token], opening: int) -> int:
    depth = 0
    for token in tokens[opening:]:
        depth += {TokenType.L_PAREN: 1, TokenType.R_PAREN: -1}.get(token.token_type, 0)
        if depth == 0:
            return int(token.start)
    return int(tokens[-1].end)


def places(model: Model) -> list[tuple[str, int, int, bool]]:
    """Each place in the text that names a table: the table, begin, end, and whether an alias follows."""
    found = []
    for table, begins in model.references.items():
        for begin in begins:
            end = begin + len(table)
            if model.sql[begin:end].lower() != table:
                raise ModelInvalid(model=model.name, reason=f"{table} is not written as {table}")
            found.append((table, begin, end, bool(_ALIAS.match(model.sql, end))))
    return sorted(found, key=lambda place: place[1])


@lru_cache(maxsize=512)
def words(sql: str) -> frozenset[str]:
    """Every word of a text but its comments. A column not among them reaches a result by a star alone, if at all."""
    return frozenset(_WORD.findall(_COMMENT.sub("", sql).lower()))
