"""HOME/alerts.db: every message, kept before it is sent, and what each channel was told already.

Readable by its owner alone. It holds no address of a channel, only its name.
"""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FILE: Final = "alerts.db"
_PAUSES: Final = (5, 10, 20, 40, 60)
"""Minutes until a message that could not be delivered is tried again, after the first failure, the second, …"""
_WAIT_SECONDS: Final = 30
_NIGHTS_KEPT: Final = timedelta(days=90)
_MESSAGES_KEPT: Final = timedelta(days=366)

_TABLES: Final = """
create table if not exists messages (
    id integer primary key, channel text not null, night text not null, level text not null,
    is_urgent integer not null, subject text not null, body text not null, composed_at text not null,
    attempts integer not null default 0, next_try_at text, error text, delivered_at text
);
create table if not exists told (
    id integer primary key, channel text not null, night text not null, topic text not null, key text not null
);
create index if not exists told_by_key on told (channel, topic, key);
create table if not exists judged (snapshot text not null, rules text not null, primary key (snapshot, rules));
"""


@dataclass(frozen=True)
class Message:
    """What one channel is told. Instants are UTC, without a zone."""

    channel: str
    night: date
    level: str
    is_urgent: bool
    subject: str
    body: str


@dataclass(frozen=True)
class Stored:
    """A message as the outbox knows it. error: a code of `alerts.errors`, never the words of the other side."""

    id: int
    message: Message
    composed_at: datetime
    attempts: int
    next_try_at: datetime | None
    error: str
    delivered_at: datetime | None


@dataclass(frozen=True)
class Outbox:
    """An open outbox; each change is on the disk when its call returns."""

    con: sqlite3.Connection

    @contextmanager
    def composing(self) -> Iterator[None]:
        """All of it or nothing; another process waits meanwhile, so that none tells the same a second time."""
        self.con.execute("begin immediate")
        try:
            yield
        except BaseException:
            self.con.execute("rollback")
            raise
        self.con.execute("commit")

    def add(self, message: Message, at: datetime) -> None:
        """Keep a message until it is delivered."""
        night = message.night.isoformat()
        self.con.execute(
            "insert into messages (channel, night, level, is_urgent, subject, body, composed_at) "
            "values (?, ?, ?, ?, ?, ?, ?)",
            (message.channel, night, message.level, message.is_urgent, message.subject, message.body, at.isoformat()),
        )

    def note(self, channel: str, night: date, keys: list[tuple[str, str]]) -> None:
        """Remember topics and keys that a channel has been told."""
        rows = [(channel, night.isoformat(), topic, key) for topic, key in keys]
        self.con.executemany("insert into told (channel, night, topic, key) values (?, ?, ?, ?)", rows)

    def last_told(self, channel: str, topic: str, night: date) -> str | None:
        """What the channel was told last on a topic in this night."""
        found = self.con.execute(
            "select key from told where channel = ? and topic = ? and night = ? order by id desc limit 1",
            (channel, topic, night.isoformat()),
        ).fetchone()
        return found[0] if found else None

    def was_told(self, channel: str, topic: str, key: str, night: date | None = None) -> bool:
        """Whether the channel was ever told this, or in one night."""
        sql = "select 1 from told where channel = ? and topic = ? and key = ? and night = coalesce(?, night)"
        binds = (channel, topic, key, night.isoformat() if night else None)
        return self.con.execute(sql, binds).fetchone() is not None

    def was_judged(self, snapshot: str, rules: str) -> bool:
        """Whether the KPIs of a snapshot were looked at under these rules: they are not asked every few minutes."""
        sql = "select 1 from judged where snapshot = ? and rules = ?"
        return self.con.execute(sql, (snapshot, rules)).fetchone() is not None

    def judge(self, snapshot: str, rules: str) -> None:
        self.con.execute("insert or ignore into judged values (?, ?)", (snapshot, rules))

    def forget(self, at: datetime) -> None:
        """Drop what is never asked for again: a run that stops every ten minutes is noted every ten minutes.

        The newest run of each channel stays: where none comes any more, it would be told anew.
        """
        long_past = (at - _NIGHTS_KEPT).date().isoformat()
        self.con.execute(
            "delete from told where topic <> 'kpi' and night < ? "
            "and id not in (select max(id) from told where topic = 'run' group by channel)",
            (long_past,),
        )
        self.con.execute("delete from messages where delivered_at < ?", ((at - _MESSAGES_KEPT).isoformat(),))

    def pending(self) -> list[Stored]:
        """What has not been delivered, the oldest first."""
        return self._read("where delivered_at is null order by id")

    def delivered(self, most: int) -> list[Stored]:
        """What has been, the newest first."""
        return self._read("where delivered_at is not null order by delivered_at desc, id desc limit ?", most)

    def deliver(self, id_: int, at: datetime) -> None:
        sql = "update messages set delivered_at = ?, attempts = attempts + 1, next_try_at = null, error = null"
        self.con.execute(f"{sql} where id = ?", (at.isoformat(), id_))

    def fail(self, one: Stored, error: str, at: datetime) -> None:
        """Note a failure; the pause before the next try grows with each."""
        pause = timedelta(minutes=_PAUSES[min(one.attempts, len(_PAUSES) - 1)])
        sql = "update messages set attempts = attempts + 1, next_try_at = ?, error = ? where id = ?"
        self.con.execute(sql, ((at + pause).isoformat(), error, one.id))

    def _read(self, rest: str, *binds: object) -> list[Stored]:
        return [_stored(row) for row in self.con.execute(f"select * from messages {rest}", binds)]


def _stored(row: sqlite3.Row) -> Stored:
    def instant(name: str) -> Any:
        return datetime.fromisoformat(row[name]) if row[name] else None

    night = date.fromisoformat(row["night"])
    message = Message(row["channel"], night, row["level"], bool(row["is_urgent"]), row["subject"], row["body"])
    times = {name: instant(name) for name in ("composed_at", "next_try_at", "delivered_at")}
    return Stored(id=row["id"], message=message, attempts=row["attempts"], error=row["error"] or "", **times)


@contextmanager
def opened(home: Path) -> Iterator[Outbox]:
    """The outbox of a home, made where there is none."""
    file = home / FILE
    # SQLite gives its own files beside it the same rights.
    os.close(os.open(file, os.O_RDWR | os.O_CREAT, 0o600))
    file.chmod(0o600)
    with closing(sqlite3.connect(file, timeout=_WAIT_SECONDS, isolation_level=None)) as con:
        con.row_factory = sqlite3.Row
        con.execute("pragma synchronous = full")
        con.executescript(_TABLES)
        yield Outbox(con)
