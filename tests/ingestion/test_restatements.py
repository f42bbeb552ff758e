"""What nights reported, and why it reads differently later: on a shop small enough to work out by hand."""

from __future__ import annotations

import random
from datetime import date, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from dashboard.metrics import restated as restatements
from dashboard.metrics.access import Scope
from dashboard.metrics.query import open_snapshot
from ingestion import steps
from ingestion.warehouse import kpis, models, snapshots
from ingestion.warehouse.reported import Window
from tests.ingestion.desk import ENTRIES, FACT, NO_CHAT, Desk, desk_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.ingestion.conftest import Shop

# Each test is several nights.
pytestmark = pytest.mark.slow


@pytest.fixture
def desk(shop: Shop) -> Iterator[Desk]:
    yield desk_of(shop)
    kpis.load_kpis.cache_clear()


FIRST = datetime(2025, 6, 1)
SECOND = datetime(2025, 6, 3)
# A is solved in a day, B after six, C is open and one day short of counting.
BEFORE = ("A 05-02T00:00 05-03T00:00 4", "B 05-03T00:00 05-09T00:00 2", "C 05-31T12:00")
# D had come and gone long before the first night. B was solved after one day, and rated 5. C is not solved in time.
# E came after the first night.
AFTER = (
    *("A 05-02T00:00 05-03T00:00 4", "B 05-03T00:00 05-04T00:00 5", "C 05-31T12:00"),
    *("D 05-05T00:00 05-06T00:00 3 chat", "E 06-01T08:00"),
)


def test_the_first_night_reports_and_restates_nothing(desk: Desk) -> None:
    desk.export("01", *BEFORE)
    run_id = desk.night(FIRST)
    may = date(2025, 5, 1)
    assert {cell: told for cell, told in desk.reported(run_id).items() if cell[1] == "whole"} == {
        # A, B and C; A of A and B, C is pending; 4 and 2; A after 1 d, B after 6 d, C still open after half a day:
        # at 1 d two are at risk, so the curve falls to 1/2 there.
        ("tickets", "whole", "", may): (3.0, 3.0, None, 3, "ok"),
        ("in_time", "whole", "", may): (0.5, 1.0, 2.0, 2, "provisional"),
        ("score", "whole", "", may): (3.0, 6.0, 2.0, 2, "ok"),
        ("time_to_solve", "whole", "", may): (86_400.0, 2.0, 3.0, 3, "ok"),
    }
    assert {cell[1:3] for cell in desk.reported(run_id)} == {
        *(("whole", ""), ("area", "华东"), ("tier", "vip"), ("channel", "phone"))
    }
    assert desk.shop.ledger("from meta.restatements") == []


def test_every_cause_by_hand(desk: Desk) -> None:
    desk.export("01", *BEFORE)
    desk.night(FIRST)
    desk.export("03", *AFTER)
    desk.night(SECOND)
    # 3 tickets; D is late; E is one of June.
    assert desk.moves("tickets") == {"late": 1.0}
    # A of A, B: 1/2. With D 2/3. With B put right 3/3. C has matured unsolved: 3/4.
    assert desk.moves("in_time") == pytest.approx({"late": 1 / 6, "corrected": 1 / 3, "maturity": -1 / 4})
    # (4 + 2) / 2 = 3; D's 3 changes nothing; B's 5 for 2 makes (4 + 5 + 3) / 3 = 4.
    assert desk.moves("score") == pytest.approx({"corrected": 1.0})
    # A chat that was not there is no restatement of a slice: it is its first report.
    assert desk.moves("in_time", slice_value="chat") == {}
    # By phone without D: 1/2, B put right 2/2, C 2/3.
    assert desk.moves("in_time", slice_value="phone") == pytest.approx({"corrected": 1 / 2, "maturity": -1 / 3})
    june = desk.moves("tickets", "2025-06-01")
    assert june == {}, "June was not reported before"


def test_the_read_side_tells_then_now_and_why(desk: Desk) -> None:
    desk.export("01", *BEFORE)
    run_id = desk.night(FIRST)
    desk.export("03", *AFTER)
    desk.night(SECOND)
    found = desk.restated("in_time").row(0, named=True)
    assert (found["reported_run_id"], found["reported_as_of"]) == (run_id, FIRST)
    assert (found["reported_value"], found["value"]) == (0.5, 0.75)
    causes = {cause: found[cause] for cause in restatements.CAUSES}
    expected = {"late": 1 / 6, "corrected": 1 / 3, "definition": 0, "maturity": -1 / 4, "unexplained": 0}
    assert causes == pytest.approx(expected)


def test_who_sees_some_regions_only_is_shown_no_report_of_the_whole(desk: Desk) -> None:
    desk.export("01", *BEFORE)
    desk.night(FIRST)
    snapshot = open_snapshot(desk.shop.home)
    assert snapshot is not None
    kpi = kpis.load_kpis(desk.shop.sql / "kpis")["tickets"]
    assert restatements.restated(snapshot, Scope(regions=("上海",)), kpi).is_empty()
    assert not restatements.restated(snapshot, Scope.everything(), kpi).is_empty()


def test_a_new_definition_is_a_cause_of_its_own(desk: Desk) -> None:
    desk.export("01", *BEFORE, "F 05-04T00:00 05-20T00:00 - chat")
    desk.night(FIRST)
    desk.define(in_time=NO_CHAT)
    desk.export("03", *AFTER, "F 05-04T00:00 05-20T00:00 - chat")
    desk.night(SECOND)
    # A of A, B, F: 1/3. Without chats A of A, B: 1/2. D is a chat, so late it adds nothing. B put right: 2/2. C: 2/3.
    assert desk.moves("in_time") == pytest.approx({"definition": 1 / 6, "corrected": 1 / 2, "maturity": -1 / 3})
    # Nothing else has a new definition.
    assert desk.moves("tickets") == {"late": 1.0}


def test_a_new_model_is_a_new_definition(desk: Desk) -> None:
    desk.export("01", *BEFORE)
    desk.night(FIRST)
    fact = desk.shop.sql / "core" / "fct_tickets.sql"
    fact.write_text(FACT.replace("true as is_counted", "ticket_key <> 'shop:T-A' as is_counted"), encoding="utf-8")
    models._load_models.cache_clear()
    desk.night(FIRST)
    assert desk.moves("tickets") == {"definition": -1.0}


def test_a_reply_that_was_told_late_is_late_and_one_put_elsewhere_corrected(desk: Desk) -> None:
    desk.export("01", *BEFORE, "G 05-10T00:00")
    desk.night(FIRST)
    # G was solved on 11 May, which nobody had told by June: 1 of 3 becomes 2 of 3.
    desk.export("02", *BEFORE, "G 05-10T00:00 05-11T00:00")
    desk.night(FIRST)
    assert desk.moves("in_time") == pytest.approx({"late": 1 / 3})
    # Then it turns out to have been the 15th.
    desk.export("03", *BEFORE, "G 05-10T00:00 05-15T00:00")
    desk.night(FIRST)
    assert desk.moves("in_time") == pytest.approx({"corrected": -1 / 3})


def test_a_ticket_that_is_taken_back_is_corrected(desk: Desk) -> None:
    desk.export("01", *BEFORE)
    desk.export("01b", "X 05-07T00:00")
    desk.night(FIRST)
    from ingestion.retract import retract

    sha256 = desk.shop.ledger("select sha256 from meta.loads where file like '%01b%'")[0][0]
    retract(desk.shop.home, str(sha256), "of another shop")
    desk.night(FIRST)
    assert desk.moves("tickets") == {"corrected": -1.0}
    assert desk.moves("in_time") == pytest.approx({"corrected": 1 / 2 - 1 / 3})


def test_a_slice_that_has_no_unit_any_more_is_reported_empty(desk: Desk) -> None:
    desk.export("01", *BEFORE, "H 05-07T00:00 05-08T00:00 1 chat")
    desk.night(FIRST)
    desk.export("02", *BEFORE, "H 05-07T00:00 05-08T00:00 1 phone")
    run_id = desk.night(FIRST)
    chat = {cell[0]: told for cell, told in desk.reported(run_id).items() if cell[2] == "chat"}
    assert chat["tickets"] == (0.0, 0.0, None, 0, "ok")
    assert chat["score"] == (None, 0.0, 0.0, 0, "empty")


def test_without_the_snapshot_of_the_last_report_the_move_is_unexplained(desk: Desk) -> None:
    desk.export("01", *BEFORE)
    desk.night(FIRST)
    published = snapshots.published(desk.shop.home)
    assert published is not None
    published.file.unlink()
    desk.export("03", *AFTER)
    desk.night(SECOND)
    assert desk.moves("in_time") == pytest.approx({"unexplained": 0.25})
    assert desk.restated("in_time")["unexplained"].to_list()[0] == pytest.approx(0.25)


def test_a_night_as_of_an_earlier_instant_is_not_split(desk: Desk) -> None:
    desk.export("03", *AFTER)
    desk.night(SECOND)
    desk.night(datetime(2025, 6, 2))
    assert set(desk.moves("in_time")) <= {"unexplained"}


def test_only_what_differs_is_written_again(desk: Desk) -> None:
    desk.export("01", *BEFORE)
    first = desk.night(FIRST)
    desk.export("02", *BEFORE, "E 06-01T08:00")
    second = desk.night(datetime(2025, 6, 2))
    written = desk.shop.ledger(
        f"select distinct kpi, period from meta.reported where run_id = '{second}' order by all"
    )
    # C's clock runs on: still at risk after a day, it makes that 1/3 solved, and half only after B's six.
    # June is new; E is too young to count in time.
    june, may = date(2025, 6, 1), date(2025, 5, 1)
    assert written == [("tickets", june), ("time_to_solve", may), ("time_to_solve", june)]
    assert first < second


def test_a_run_that_fails_leaves_no_report(desk: Desk) -> None:
    desk.export("01", *BEFORE)
    desk.night(FIRST)
    before = desk.shop.ledger("select * from meta.reported order by all")

    def break_off(step: str) -> None:
        if step == "people_written":
            raise OSError

    desk.export("03", *AFTER)
    steps.listeners.append(break_off)
    try:
        with pytest.raises(OSError):
            desk.night(SECOND)
    finally:
        steps.listeners.remove(break_off)
    assert desk.shop.ledger("select * from meta.reported order by all") == before
    assert desk.shop.ledger("from meta.restatements") == []
    desk.night(SECOND)
    assert desk.moves("tickets") == {"late": 1.0}


def test_after_a_rollback_the_next_night_is_compared_with_what_it_follows(desk: Desk) -> None:
    from ingestion.rollback import release, roll_back

    desk.export("01", *BEFORE)
    desk.night(FIRST)
    desk.export("03", *AFTER)
    desk.night(SECOND)
    roll_back(desk.shop.home)
    release(desk.shop.home)
    desk.export("04", *AFTER, "I 05-08T00:00 05-09T00:00")
    run_id = desk.night(SECOND)
    # The night that was rolled back reported D too, but this one is compared with the first.
    assert desk.moves("tickets") == {"late": 2.0}
    whole = ("tickets", "whole", "", date(2025, 5, 1))
    assert desk.reported(run_id)[whole][0] == 5.0


def history(seed: int, nights: int) -> list[dict[str, list[str]]]:
    """Exports of as many nights: tickets come and are solved; some rows come nights late, some are put right later.

    Every export tells what had changed by then, so the last one has said everything.
    """
    draw = random.Random(seed)
    start = datetime(2025, 5, 20)
    # No export is empty: one ticket is told every night.
    exports: list[dict[str, list[str]]] = [
        {"on_time": ["Z 05-20T00:00"], "late": [], "corrected": []} for _ in range(nights)
    ]
    for number in range(nights * 6):
        created = start + timedelta(hours=draw.randrange(24 * (nights + 9)))
        solved = created + timedelta(hours=draw.randrange(2, 120))
        score, channel = draw.randrange(1, 6), draw.choice(["phone", "chat"])
        night = max(0, (created - start).days - 9)
        kind = draw.choices(["on_time", "late"], [8, 1])[0]
        told = f"T{number} {created:%m-%dT%H:%M} {solved:%m-%dT%H:%M} {score} {channel}"
        if night + (delay := 0 if kind == "on_time" else draw.randrange(2, 4)) < nights:
            exports[night + delay][kind].append(told)
            if draw.random() < 0.1 and night + delay + 2 < nights:
                right = f"T{number} {created:%m-%dT%H:%M} {solved:%m-%dT%H:%M} {6 - score} {channel}"
                exports[night + delay + 2]["corrected"].append(right)
    return exports


def night_of(number: int) -> datetime:
    """The exports of night 0 reach to the end of 29 May."""
    return datetime(2025, 5, 30) + timedelta(days=number)


def test_the_causes_of_ten_nights_add_up_to_every_move(desk: Desk) -> None:
    nights, runs = history(seed=4, nights=10), []
    for number, told in enumerate(nights):
        if number == 6:
            desk.define(in_time=NO_CHAT)
        rows = [row for kind in told.values() for row in kind]
        desk.export(f"{number + 1:02}", *rows)
        runs.append(desk.night(night_of(number)))
    split: dict[tuple[object, ...], float] = {}
    for *cell, move in desk.shop.ledger(
        "select run_id, kpi, slice_dimension, slice_value, period, move from meta.restatements"
    ):
        split[tuple(cell)] = split.get(tuple(cell), 0.0) + float(str(move))
    compared = 0
    for earlier, later in pairwise(runs):
        before, after = desk.reported(earlier), desk.reported(later)
        for each, told_before in before.items():
            was, now = told_before[0], after[each][0]
            if was is not None and now is not None:
                compared += was != now
                assert split.get((later, *each), 0.0) == pytest.approx(float(str(now)) - float(str(was)), abs=1e-9)
    assert compared > 40
    causes = {cause for (cause,) in desk.shop.ledger("select distinct cause from meta.restatements")}
    assert causes == {"definition", "late", "corrected", "maturity"}
    for kpi in ENTRIES:
        # A median that was not reached when first reported has no move.
        for row in desk.restated(kpi).drop_nulls("move").to_dicts():
            assert sum(row[cause] for cause in restatements.CAUSES) == pytest.approx(row["move"], abs=1e-9)
            assert row["unexplained"] == 0.0
    late = desk.shop.ledger(
        "select run_id, cast(sum(move) as bigint) from meta.restatements where kpi = 'tickets' and cause = 'late' "
        "and slice_dimension = 'whole' group by run_id order by run_id"
    )
    assert late == [(run, len(told["late"])) for run, told in zip(runs, nights, strict=True) if told["late"]]


def test_the_whole_history_as_of_a_day_equals_what_that_night_reported(desk: Desk, tmp_path: Path) -> None:
    from tests.ingestion.conftest import lay_out

    exports, runs = history(seed=7, nights=4), {}
    for number, told in enumerate(exports):
        desk.export(f"{number + 1:02}", *told["on_time"])
        runs[number] = desk.night(night_of(number))
    again = Desk(lay_out(tmp_path / "again"))
    (tmp_path / "again" / "exports").symlink_to(desk.shop.exports)
    for file in (desk.shop.home / "mappings" / "shop").iterdir():
        (again.shop.home / "mappings" / "shop" / file.name).write_text(file.read_text(encoding="utf-8"), "utf-8")
    for number, run_id in runs.items():
        replayed = again.night(night_of(number))
        assert again.reported(replayed) == desk.reported(run_id), f"night {number}"


@pytest.mark.parametrize(
    ("last", "first", "running"),
    [
        ("2025-06-29", "2024-05-01", "2025-06-01"),
        ("2025-06-30", "2024-06-01", "2025-07-01"),
        ("2025-01-01", "2023-12-01", "2025-01-01"),
        ("2024-12-31", "2023-12-01", "2025-01-01"),
    ],
)
def test_thirteen_full_months_and_the_running_one_are_reported(last: str, first: str, running: str) -> None:
    window = Window.until(date.fromisoformat(last))
    assert (window.first, window.running) == (date.fromisoformat(first), date.fromisoformat(running))
