"""The outbox and the way out: pauses that grow, order, services that answer 200 to everything."""

from __future__ import annotations

import logging
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

import apprise
import pytest

from dashboard.alerts import outbox, sending
from dashboard.alerts.outbox import Message
from dashboard.alerts.rules import Channel, Rules

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.dashboard.alerts.conftest import Hook

NOW = datetime(2025, 6, 1, 17, 30)
RULES = Rules(tuple(Channel(name, name.upper(), "zh", frozenset()) for name in ("a", "b")), (), None, None, "")


def message(channel: str = "a", subject: str = "s") -> Message:
    return Message(channel, date(2025, 6, 1), "warning", False, subject, "一行")


@pytest.fixture
def box(tmp_path: Path) -> Iterator[outbox.Outbox]:
    with outbox.opened(tmp_path) as opened:
        yield opened


@pytest.fixture
def way(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[str]]:
    """Channel -> subjects that it took; a channel in `dead` takes none."""
    taken: dict[str, list[str]] = {"a": [], "b": [], "dead": []}

    def deliver(address: str, one: Message) -> str:
        if address in taken["dead"]:
            return "not_delivered"
        taken[address].append(one.subject)
        return ""

    monkeypatch.setattr(sending, "by_apprise", deliver)
    for name in ("a", "b"):
        monkeypatch.setenv(name.upper(), name)
    return taken


def test_pauses_grow_to_an_hour(tmp_path: Path, box: outbox.Outbox, way: dict[str, list[str]]) -> None:
    way["dead"].append("a")
    box.add(message(), NOW)
    now, pauses = NOW, []
    for _ in range(7):
        sending.send(tmp_path, "UTC", now, RULES, box)
        (one,) = box.pending()
        assert one.next_try_at is not None
        pauses.append((one.next_try_at - now) // timedelta(minutes=1))
        now = one.next_try_at
    assert pauses == [5, 10, 20, 40, 60, 60, 60]
    way["dead"].clear()
    assert sending.send(tmp_path, "UTC", now, RULES, box).delivered == 1
    assert box.pending() == []
    (done,) = box.delivered(9)
    assert (done.attempts, done.error, done.delivered_at) == (8, "", now)


def test_a_dead_channel_keeps_its_order_and_holds_no_other_up(
    tmp_path: Path, box: outbox.Outbox, way: dict[str, list[str]]
) -> None:
    way["dead"].append("a")
    for channel, subject in (("a", "1"), ("b", "2"), ("a", "3"), ("b", "4")):
        box.add(message(channel, subject), NOW)
    sent = sending.send(tmp_path, "UTC", NOW, RULES, box)
    assert (sent.delivered, sent.waiting, [one.channel for one in sent.failures]) == (2, 1, ["a"])
    assert way["b"] == ["2", "4"]
    way["dead"].clear()
    box.add(message("a", "5"), NOW)
    sending.send(tmp_path, "UTC", NOW, RULES, box)
    assert way["a"] == []  # the first has its pause, the others wait behind it
    sending.send(tmp_path, "UTC", NOW, RULES, box, at_once=True)
    assert way["a"] == ["1", "3", "5"]


def test_a_message_to_a_channel_that_is_no_more_waits(
    tmp_path: Path, box: outbox.Outbox, way: dict[str, list[str]]
) -> None:
    box.add(message("gone"), NOW)
    assert sending.send(tmp_path, "UTC", NOW, RULES, box).waiting == 1


def test_while_another_process_sends_this_one_does_not(
    tmp_path: Path, box: outbox.Outbox, way: dict[str, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sending, "_WAIT_SECONDS", 0)
    box.add(message(), NOW)
    with sending.FileLock(tmp_path / sending.LOCK):
        assert sending.send(tmp_path, "UTC", NOW, RULES, box).waiting == 1
    assert way["a"] == []
    assert sending.send(tmp_path, "UTC", NOW, RULES, box).delivered == 1


def test_what_is_composed_is_kept_whole_or_not_at_all(tmp_path: Path, box: outbox.Outbox) -> None:
    def killed() -> None:
        with box.composing():
            box.note("a", NOW.date(), [("kpi", "k")])
            box.add(message(), NOW)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        killed()
    with outbox.opened(tmp_path) as again:
        assert (again.pending(), again.was_told("a", "kpi", "k")) == ([], False)
    with box.composing():
        box.note("a", NOW.date(), [("kpi", "k")])
        box.add(message(), NOW)
    with outbox.opened(tmp_path) as again:
        assert [one.message for one in again.pending()] == [message()]
        assert again.was_told("a", "kpi", "k")
        assert not again.was_told("b", "kpi", "k")


def test_a_service_that_fails_in_its_own_code_is_a_failure_like_any(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(address: str, one: Message) -> str:
        raise ValueError(address)

    monkeypatch.setattr(sending, "by_apprise", broken)
    monkeypatch.setenv("A", "secret")
    assert sending.try_channel(RULES.channels[0], message()) == "broken:ValueError"


@pytest.mark.parametrize(
    ("address", "error"),
    [
        ("nonsense", "bad_address"),
        ("json://127.0.0.1:1/x, json://127.0.0.1:1/y", "several"),
        ("json://127.0.0.1:1/s3cret", "not_delivered"),
    ],
)
def test_addresses_that_lead_nowhere(address: str, error: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    assert sending.by_apprise(address, message()) == error
    assert "s3cret" not in caplog.text


@pytest.mark.parametrize(
    "address",
    [
        "wecombot://3f4bcdef-1111-2222-3333-444455556666",
        "dingtalk://0123456789abcdef0123456789abcdef",
        "dingtalk://SEC0123@0123456789abcdef0123456789abcdef",
        "feishu://0123456789abcdef",
        "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ/#general",
        "mailtos://user:password@example.com?smtp=smtp.example.com&to=a@example.com",
        "jsons://example.com/path",
    ],
)
def test_the_addresses_of_the_manual_are_known(address: str) -> None:
    assert len(apprise.Apprise(address)) == 1


@pytest.mark.parametrize(
    ("plugin", "address", "answer", "error"),
    [
        ("wecombot", "wecombot://abcd", '{"errcode": 0, "errmsg": "ok"}', ""),
        ("wecombot", "wecombot://abcd", '{"errcode": 93000, "errmsg": "invalid webhook url"}', "refused:93000"),
        ("dingtalk", "dingtalk://abcdef0123", '{"errcode": 310000, "errmsg": "keywords"}', "refused:310000"),
        ("feishu", "feishu://abcd", '{"code": 9499, "msg": "Bad Request"}', "refused:9499"),
        ("feishu", "feishu://abcd", '{"code": "?", "msg": "abcd"}', "refused:?"),
        ("feishu", "feishu://abcd", "not json", ""),
        ("json", "", '{"code": 200}', ""),
    ],
)
def test_services_that_answer_200_when_they_refuse(
    plugin: str, address: str, answer: str, error: str, hook: Hook, monkeypatch: pytest.MonkeyPatch
) -> None:
    hook.answer = answer
    for loaded in apprise.Apprise(address or hook.url):
        if plugin != "json":
            monkeypatch.setattr(type(loaded), "notify_url", f"http://127.0.0.1:{hook.port}/")
    assert sending.by_apprise(address or hook.url, message()) == error
    assert len(hook.got) == 1
