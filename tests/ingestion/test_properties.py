"""Properties that hold for any export: every record is accounted for, and neither a second run nor the order of
files or of nights changes what is published."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingestion.check import check_file

if TYPE_CHECKING:
    from ingestion.check import CheckResult
    from tests.ingestion.conftest import Shop, SmallShop

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("helpdesk_alone")]

NOW = datetime(2025, 7, 1)
# The same examples every time, so that a red run can be looked into; `soak` draws many more of them.
USUAL = settings(max_examples=15, derandomize=True, deadline=None, database=None)
NIGHTS = settings(
    parent=USUAL,
    max_examples=2,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)
MANY = 500


# --- one file: each fault costs its own record and no other -------------------------------------------------------

HEADER = "ticket_id,customer_id,created_at,closed_at,status,priority,csat_score,category"
CELLS = HEADER.split(",")
# Fault -> what replaces which cell, and the reason that must be given for it.
FAULTS = {
    "bad_id": ("ticket_id", "HD\u200b1"),
    "missing_value": ("customer_id", ""),
    "bad_datetime": ("created_at", "2025-02-30 10:00:00"),
    "future_date": ("closed_at", "2031-01-01 00:00:00"),
    "closed_before_created": ("closed_at", "2020-01-01 00:00:00"),
    "unknown_status": ("status", "asleep"),
    "unknown_priority": ("priority", "p1"),
    "score_out_of_scale": ("csat_score", "6"),
    "bad_number": ("csat_score", "five"),
}
TEXTS = ["login", "退款", '"a, b"', '"say ""hi"""', '"two\nlines"', "", " padded ", "=1+1", "5'", "\u2028"]


@dataclass
class Export:
    """Lines of a file, and what must come of them."""

    lines: list[str] = field(default_factory=list)
    reasons: list[tuple[int, str]] = field(default_factory=list)
    repeats: int = 0

    def add(self, line: str, reason: str = "") -> None:
        self.lines.append(line)
        if reason:
            self.reasons.append((len(self.lines), reason))

    def text(self, end: str) -> str:
        return end.join([HEADER, *self.lines, ""])


def ticket(number: int, category: str, **changes: str) -> str:
    cells = [f"HD-{number}", "K-001", "2025-06-01 10:00:00", "2025-06-02 10:00:00", "closed", "high", "5", category]
    return ",".join(changes.get(name, cell) for name, cell in zip(CELLS, cells, strict=True))


@st.composite
def exports(draw: st.DrawFn) -> Export:
    """Good records with fewer faulty ones among them, so that the file as a whole is taken in."""
    export = Export()
    good = draw(st.integers(8, 30))
    kinds = draw(st.lists(st.sampled_from([*FAULTS, "ragged_row", "repeat", "duplicate_conflict"]), max_size=3))
    order = draw(st.permutations([""] * good + kinds))
    for number, kind in enumerate(order, start=100):
        category = draw(st.sampled_from(TEXTS))
        if kind == "ragged_row":
            export.add(ticket(number, category) + draw(st.sampled_from([",", ",x,y"])), kind)
        elif kind in FAULTS:
            export.add(ticket(number, category, **dict([FAULTS[kind]])), kind)
        else:
            conflict = kind if kind == "duplicate_conflict" else ""
            export.add(ticket(number, category), conflict)
        if kind == "duplicate_conflict":
            export.add(ticket(number, category, priority="low"), kind)
        elif kind == "repeat":
            export.add(ticket(number, category))
            export.repeats += 1
    return export


def checked(content: bytes, name: str = "tickets.csv") -> CheckResult:
    with TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_bytes(content)
        return check_file(path, "helpdesk", "tickets", {}, {}, now=NOW)


def accounts_for_each_record(export: Export, end: str) -> None:
    result = checked(export.text(end).encode())
    assert (result.rows_read, result.rows_duplicate) == (len(export.lines), export.repeats)
    assert [(reason.row, reason.code) for reason in result.reasons] == export.reasons
    assert result.rows_quarantined == len(export.reasons)
    assert result.rows_loaded == result.rows_read - result.rows_quarantined - result.rows_duplicate


LINE_ENDS = st.sampled_from(["\n", "\r\n", "\r"])


@given(exports(), LINE_ENDS)
@USUAL
def test_each_fault_costs_its_own_record_and_is_named(export: Export, end: str) -> None:
    accounts_for_each_record(export, end)


@pytest.mark.soak
@given(exports(), LINE_ENDS)
@settings(USUAL, max_examples=MANY)
def test_each_fault_costs_its_own_record_and_is_named_many_times(export: Export, end: str) -> None:
    accounts_for_each_record(export, end)


# --- one file: whatever is done to its bytes ----------------------------------------------------------------------

PLAIN = "\n".join([HEADER, *(ticket(100 + i, TEXTS[i % len(TEXTS)]) for i in range(25)), ""]).encode()
BITS = [b'"', b",", b"\n", b"\r\n", b"\r", b'""', b'","', b"\0", b"\xff", b"\xc3", b"\xef\xbb\xbf", b" ", b";", b"\\"]


def polluted(seed: int) -> bytes:
    """The plain file after one to five slips of the kinds that really happen to files."""
    chance, data = random.Random(seed), PLAIN
    for _ in range(chance.randint(1, 5)):
        at, kind = chance.randrange(len(data) or 1), chance.randrange(6)
        if kind < 2:
            data = data[:at] + chance.choice(BITS) + data[at:]
        elif kind == 2:
            data = data[:at] + bytes([chance.randrange(256)]) + data[at + 1 :]
        elif kind == 3:
            data = data[: max(at, 200)]
        elif kind == 4:
            data = data[:at] + data[at + chance.randint(1, 40) :]
        else:
            lines = data.split(b"\n")
            chance.shuffle(lines[1:])
            data = b"\n".join([*lines, *lines[: chance.randint(0, 3)]])
    return data


def survives(seed: int) -> None:
    """No error but a finding, no record twice and none out of nothing."""
    data = polluted(seed)
    result = checked(data)
    if result.verdict == "reject" and not result.rows_loaded:
        assert result.faults
    else:
        assert result.rows_read == result.rows_loaded + result.rows_quarantined + result.rows_duplicate
    lines = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n").count(b"\n") + 1
    assert result.rows_read <= lines


@given(st.integers(0, 1 << 32))
@USUAL
def test_pollution_is_accounted_for(seed: int) -> None:
    survives(seed)


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(MANY))
def test_pollution_is_accounted_for_many_times(seed: int) -> None:
    survives(seed)


# --- whole nights: neither a second run nor any order changes the facts -------------------------------------------

TICKETS, CUSTOMERS = range(1, 9), range(3, 7)


@dataclass(frozen=True)
class Delta:
    """One file of changed records: number and version of each; what a version says never differs.

    slips: how many of its records are faulty, from the end; twice: whether one record is there twice.
    """

    feed: str
    records: tuple[tuple[int, int], ...]
    slips: int
    twice: bool

    def write(self, shop: Shop, name: str) -> Path:
        if self.feed == "customers":
            return self._customers(shop, name)
        rows = [
            (f"T{n:03d}", self._customer(n, v), f"2025-06-01 0{n}:00:00", self._changed(v)) for n, v in self.records
        ]
        lines = [f"{ticket},{customer},{created},s,{changed}" for ticket, customer, created, changed in rows]
        slips = [
            "T 1,C001,2025-06-01 09:00:00,s,",
            "T099,C001,2025-02-30 09:00:00,s,",
            "T098,C001,2025-06-01 09:00:00",
        ]
        return self._file(shop, name, "id,customer,created,subject,changed", lines, slips)

    def _customers(self, shop: Shop, name: str) -> Path:
        lines = [f"C{n:03d},Name {n} of {v},{self._changed(v)}" for n, v in self.records]
        return self._file(shop, name, "id,name,changed", lines, [",nobody,", "C 9,x,", "C009,x,y,z"])

    def _file(self, shop: Shop, name: str, header: str, lines: list[str], slips: list[str]) -> Path:
        again = lines[:1] if self.twice else []
        file = shop.exports / "shop" / f"{self.feed}-{name}.csv"
        file.write_text("\n".join([header, *lines, *again, *slips[: self.slips], ""]), encoding="utf-8")
        return file

    @staticmethod
    def _customer(number: int, version: int) -> str:
        """Some belong to customers who come in another file, or, as C009, never."""
        return ("C001", "C003", "C004", "C005", "C009")[(number + version) % 5]

    @staticmethod
    def _changed(version: int) -> str:
        return f"2025-06-1{version} 08:00:00"


@st.composite
def deltas(draw: st.DrawFn) -> Delta:
    feed = draw(st.sampled_from(["tickets", "tickets", "customers"]))
    numbers = TICKETS if feed == "tickets" else CUSTOMERS
    record = st.tuples(st.sampled_from(numbers), st.integers(0, 4))
    records = draw(st.lists(record, min_size=3, max_size=8, unique=True))
    return Delta(feed, tuple(records), draw(st.integers(0, min(3, len(records) - 2))), draw(st.booleans()))


WEEKS = st.lists(deltas(), min_size=3, max_size=5)


def published(small_shop: SmallShop, nights: list[list[tuple[str, Delta]]]) -> list[tuple[str, object]]:
    """What readers see after these nights, which each bring these files, and after one more that brings none."""
    with TemporaryDirectory() as folder, small_shop(Path(folder)) as shop:
        shop.night()
        for files in nights:
            written = {delta.write(shop, name).name: delta for name, delta in files}
            outcome = shop.night()
            assert outcome.verdict in ("published", "nothing_new"), outcome.findings
            assert {load.file for load in outcome.loads} <= set(written)
            for load in outcome.loads:
                delta = written[load.file]
                assert load.rows_read == len(delta.records) + delta.twice + delta.slips
                assert load.rows_read == load.rows_loaded + load.rows_quarantined + load.rows_duplicate
                assert load.rows_duplicate == delta.twice or load.rows_quarantined > delta.slips
        slips = "select file, count(*) from meta.quarantine where code <> 'orphan_customer' group by all order by all"
        held = shop.ledger(slips)
        seen = shop.content()
        assert shop.night().verdict == "nothing_new"
        assert (shop.content(), shop.ledger(slips)) == (seen, held)
        return [("content", seen), ("slips", held)]


def does_not_depend_on_order(small_shop: SmallShop, week: list[Delta], order: random.Random) -> None:
    named = [(f"06{number:02d}", delta) for number, delta in enumerate(week)]
    once = published(small_shop, [named])
    shuffled = order.sample(named, len(named))
    cut = order.randint(1, len(named) - 1)
    assert published(small_shop, [shuffled[:cut], shuffled[cut:]]) == once
    renamed = [(f"07{number:02d}", delta) for number, (_, delta) in enumerate(shuffled)]
    assert published(small_shop, [renamed])[0] == once[0]


@given(WEEKS, st.randoms(use_true_random=False))
@NIGHTS
def test_no_order_of_files_or_nights_changes_the_facts(
    small_shop: SmallShop, week: list[Delta], order: random.Random
) -> None:
    does_not_depend_on_order(small_shop, week, order)


@pytest.mark.soak
@given(WEEKS, st.randoms(use_true_random=False))
@settings(NIGHTS, max_examples=MANY)
def test_no_order_of_files_or_nights_changes_the_facts_many_times(
    small_shop: SmallShop, week: list[Delta], order: random.Random
) -> None:
    does_not_depend_on_order(small_shop, week, order)
