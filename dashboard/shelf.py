"""What readers keep for themselves and each other: views by name, and notes on dates.

Kept apart from the numbers, in a database of its own: SQLite in HOME, or whatever AFTERCARE_SHELF_URL names for
SQLAlchemy. Nothing here changes a number, and a shelf that cannot be opened takes no page away.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Final

import sqlalchemy as sa

if TYPE_CHECKING:
    from pathlib import Path

URL: Final = "AFTERCARE_SHELF_URL"
FILE: Final = "shelf.db"
LONGEST_NAME: Final = 80
LONGEST_TEXT: Final = 400

_tables = sa.MetaData()
_views = sa.Table(
    "saved_views",
    _tables,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("owner", sa.String(200), nullable=False),
    sa.Column("name", sa.String(LONGEST_NAME), nullable=False),
    sa.Column("page", sa.String(40), nullable=False),
    # The address after the question mark, as a link would carry it.
    sa.Column("query", sa.Text, nullable=False),
    sa.Column("is_shared", sa.Boolean, nullable=False),
    sa.Column("saved_at", sa.DateTime, nullable=False),
    sa.UniqueConstraint("owner", "name"),
)
_notes = sa.Table(
    "notes",
    _tables,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("owner", sa.String(200), nullable=False),
    sa.Column("day", sa.Date, nullable=False),
    sa.Column("text", sa.String(LONGEST_TEXT), nullable=False),
    sa.Column("noted_at", sa.DateTime, nullable=False),
)


@dataclass(frozen=True)
class SavedView:
    id: int
    owner: str
    name: str
    page: str
    query: str
    is_shared: bool


@dataclass(frozen=True)
class Note:
    id: int
    owner: str
    day: date
    text: str


def url(home: Path) -> str:
    """Where the shelf is: AFTERCARE_SHELF_URL, else a file in HOME."""
    return os.environ.get(URL) or f"sqlite:///{home / FILE}"


@lru_cache(maxsize=4)
def _engine(place: str) -> sa.Engine:
    engine = sa.create_engine(place)
    _tables.create_all(engine)
    return engine


def views(place: str, owner: str) -> list[SavedView]:
    """The reader's own views and those that others share, by name. Raises sqlalchemy.exc.SQLAlchemyError."""
    mine = sa.or_(_views.c.owner == owner, _views.c.is_shared)
    columns = [_views.c[name] for name in SavedView.__dataclass_fields__]
    with _engine(place).connect() as con:
        rows = con.execute(sa.select(*columns).where(mine).order_by(_views.c.name, _views.c.id)).all()
    return [SavedView(*row) for row in rows]


def save_view(place: str, owner: str, name: str, page: str, query: str, *, is_shared: bool) -> None:
    """Keep a view; one of the same owner and name is replaced. Raises ValueError where there is no name."""
    told = _told(name, LONGEST_NAME)
    is_it = (_views.c.owner == owner) & (_views.c.name == told)
    fields = {"page": page, "query": query, "is_shared": is_shared, "saved_at": _now()}
    with _engine(place).begin() as con:
        if con.execute(_views.update().where(is_it).values(**fields)).rowcount == 0:
            con.execute(_views.insert().values(owner=owner, name=told, **fields))


def drop_view(place: str, owner: str, view_id: int) -> None:
    """Forget a view; only its owner can."""
    with _engine(place).begin() as con:
        con.execute(_views.delete().where((_views.c.id == view_id) & (_views.c.owner == owner)))


def notes(place: str, first: date, last: date) -> list[Note]:
    """The notes on the days of a period, everybody's, by day. Raises sqlalchemy.exc.SQLAlchemyError."""
    columns = [_notes.c[name] for name in Note.__dataclass_fields__]
    within = _notes.c.day.between(first, last)
    with _engine(place).connect() as con:
        rows = con.execute(sa.select(*columns).where(within).order_by(_notes.c.day, _notes.c.id)).all()
    return [Note(*row) for row in rows]


def add_note(place: str, owner: str, day: date, text: str) -> None:
    """Write a note on a day, seen by everybody. Raises ValueError where there is no text."""
    told = _told(text, LONGEST_TEXT)
    with _engine(place).begin() as con:
        con.execute(_notes.insert().values(owner=owner, day=day, text=told, noted_at=_now()))


def drop_note(place: str, owner: str, note_id: int) -> None:
    """Take a note away; only its owner can."""
    with _engine(place).begin() as con:
        con.execute(_notes.delete().where((_notes.c.id == note_id) & (_notes.c.owner == owner)))


def _told(text: str, longest: int) -> str:
    told = " ".join(text.split())[:longest]
    if not told:
        raise ValueError("empty")
    return told


def _now() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None)
