"""What a webhook receives of whole nights: exactly the expected messages, and none lost while it is dead."""

from __future__ import annotations

import stat
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from dashboard.alerts import outbox
from dashboard.commands import alerts, shared
from tests.dashboard.alerts.conftest import RULES, SECRET

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.dashboard.alerts.conftest import Clock, Hook
    from tests.dashboard.asked import Answer
    from tests.ingestion.conftest import Shop

    Aftercare = Callable[..., Answer]

STOPPED = "The nightly run was stopped, nothing new published"


def rules(shop: Shop, more: str) -> None:
    (shop.home / "alerts.toml").write_text(RULES + more, encoding="utf-8")


def spoil(shop: Shop, name: str = "tickets-0602.csv") -> None:
    """An export without its required columns: the gate stops."""
    (shop.exports / "shop" / name).write_text("nothing\n1\n", encoding="utf-8")


def mend(shop: Shop, name: str = "tickets-0602.csv") -> None:
    (shop.exports / "shop" / name).unlink()


def test_the_webhook_receives_the_verdict_of_a_night(shop: Shop, hook: Hook, aftercare: Aftercare) -> None:
    done = aftercare("run", shop.exports, "--home", shop.home)
    assert done.code == shared.PUBLISHED, done.err
    (got,) = hook.got
    assert got == {
        "version": "1.0",
        "title": "Service KPIs updated, data as of 2025-06-01 23:30",
        "message": "2 files: 4 rows read, 4 loaded, 0 held back, 0 duplicates.",
        "attachments": [],
        "type": "success",
    }


def test_a_night_that_was_stopped_tells_why_and_what_stands(
    shop: Shop, hook: Hook, clock: Clock, aftercare: Aftercare
) -> None:
    aftercare("run", shop.exports, "--home", shop.home)
    clock.on(days=1)
    spoil(shop)
    assert aftercare("run", shop.exports, "--home", shop.home).code == shared.STOPPED
    got = hook.got[-1]
    assert (got["title"], got["type"]) == (STOPPED, "failure")
    first, why, *_, still, advice = got["message"].splitlines()
    assert first == "To be solved first (1):"
    assert why.startswith("· ")
    assert "tickets-0602.csv" in why
    assert still == "The dashboard still shows data as of 2025-06-01 23:30."
    assert advice.startswith("Correct what is told above")


def test_one_message_a_night_unless_there_is_something_new(
    shop: Shop, hook: Hook, clock: Clock, aftercare: Aftercare
) -> None:
    def run() -> list[str]:
        clock.on(minutes=10)
        aftercare("run", shop.exports, "--home", shop.home)
        return [one.split(",")[0] for one in hook.subjects]

    ok, no = "Service KPIs updated", "The nightly run was stopped"
    assert run() == [ok]
    assert run() == [ok]  # nothing new
    shop.tickets("0602", ("T003", "C001", "2025-06-01 10:00:00"))
    assert run() == [ok]  # published again
    spoil(shop, "tickets-0603.csv")
    assert run() == [ok, no]
    assert run() == [ok, no]  # for the same reason
    spoil(shop, "tickets-0604.csv")
    assert run() == [ok, no, no]  # another file is wrong, too
    mend(shop, "tickets-0603.csv")
    mend(shop, "tickets-0604.csv")
    shop.tickets("0605", ("T004", "C001", "2025-06-01 11:00:00"))
    assert run() == [ok, no, no, ok]
    spoil(shop, "tickets-0603.csv")
    assert run() == [ok, no, no, ok, no]  # again, after a run in between was good
    clock.on(days=1)
    assert run() == [ok, no, no, ok, no, no]  # another night


def test_a_dead_webhook_loses_nothing_and_gets_each_once(
    shop: Shop, hook: Hook, clock: Clock, aftercare: Aftercare
) -> None:
    hook.status = 503
    dead = aftercare("run", shop.exports, "--home", shop.home)
    assert dead.code == shared.PUBLISHED
    assert "HTTP 503" in dead.err
    clock.on(days=1)
    spoil(shop)
    assert aftercare("run", shop.exports, "--home", shop.home).code == shared.STOPPED
    assert hook.got == []
    tried = hook.tries
    assert tried == 4
    still = aftercare("alerts", "--home", shop.home, "--lang", "en")
    assert still.code == shared.PUBLISHED
    assert hook.tries == tried  # within the pause
    hook.status = 200
    clock.on(hours=2)
    assert "2 messages sent, 0 waiting" in aftercare("alerts", "--home", shop.home).out
    assert [one.split(",")[0] for one in hook.subjects] == ["Service KPIs updated", "The nightly run was stopped"]
    clock.on(hours=2)
    aftercare("alerts", "--home", shop.home)
    assert len(hook.got) == 2


def test_what_a_killed_process_did_not_tell_the_next_call_does(
    shop: Shop, hook: Hook, clock: Clock, aftercare: Aftercare
) -> None:
    shop.night()
    assert hook.got == []
    aftercare("alerts", "--home", shop.home)
    assert len(hook.got) == 1
    aftercare("alerts", "--home", shop.home)
    assert len(hook.got) == 1


def test_killed_between_delivery_and_mark_a_message_comes_twice(
    shop: Shop, hook: Hook, clock: Clock, aftercare: Aftercare, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(outbox.Outbox, "deliver", killed)
        assert aftercare("run", shop.exports, "--home", shop.home).code != shared.PUBLISHED
    assert len(hook.got) == 1
    aftercare("alerts", "--home", shop.home)
    aftercare("alerts", "--home", shop.home)
    assert len(hook.got) == 2


def test_what_was_told_long_ago_is_forgotten_and_not_told_again(
    shop: Shop, hook: Hook, clock: Clock, aftercare: Aftercare
) -> None:
    for day in range(2, 5):
        spoil(shop, f"tickets-060{day}.csv")
        assert aftercare("run", shop.exports, "--home", shop.home).code == shared.STOPPED
        clock.on(days=1)
    told = len(hook.got)
    assert told == 3
    clock.on(days=400)
    for _ in range(2):
        aftercare("alerts", "--home", shop.home)
    assert len(hook.got) == told
    with outbox.opened(shop.home) as opened:
        # That the newest run was told is all that is still asked.
        assert [row["topic"] for row in opened.con.execute("select topic from told")] == ["run"]
        assert opened.delivered(10) == []


@pytest.mark.parametrize("broken", ["[[channel", "", '[[channel]]\nname = "a"\nenv = "https://x/y?key=abc"'])
def test_rules_that_cannot_be_followed_change_nothing_of_a_run(shop: Shop, broken: str, aftercare: Aftercare) -> None:
    (shop.home / "alerts.toml").write_text(broken, encoding="utf-8")
    done = aftercare("run", shop.exports, "--home", shop.home)
    assert done.code == shared.PUBLISHED
    assert "alerts.toml is invalid" in done.err
    assert "abc" not in done.err
    assert aftercare("alerts", "--home", shop.home).code == shared.USAGE


def test_alerts_that_break_change_nothing_of_a_run(
    shop: Shop, aftercare: Aftercare, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError(SECRET)

    monkeypatch.setattr(alerts, "work", broken)
    done = aftercare("run", shop.exports, "--home", shop.home)
    assert done.code == shared.PUBLISHED
    assert "could not be completed (RuntimeError)" in done.err
    assert SECRET not in done.err + done.out


def test_a_run_that_reads_nothing_for_a_wrong_mapping_is_told_once(
    shop: Shop, hook: Hook, clock: Clock, aftercare: Aftercare
) -> None:
    aftercare("run", shop.exports, "--home", shop.home)
    clock.on(minutes=5)
    (shop.home / "mappings" / "shop" / "source.toml").write_text("nonsense = 1", encoding="utf-8")
    for _ in range(2):
        assert aftercare("run", shop.exports, "--home", shop.home).code == shared.USAGE
    assert hook.subjects[1:] == ["The nightly run failed, nothing new published"]
    aftercare("alerts", "--home", shop.home)
    assert len(hook.got) == 2


@pytest.mark.parametrize("damaged", ["warehouse.duckdb", "published.json"])
def test_a_home_that_cannot_be_read_is_told_once(
    shop: Shop, hook: Hook, clock: Clock, aftercare: Aftercare, damaged: str
) -> None:
    aftercare("run", shop.exports, "--home", shop.home)
    clock.on(days=1)
    (shop.home / damaged).write_bytes(b"\x00 no database, no json" * 1000)
    assert aftercare("run", shop.exports, "--home", shop.home).code == shared.FAILED
    aftercare("alerts", "--home", shop.home)
    assert hook.subjects[1:] == ["The nightly run failed, nothing new published"]
    assert damaged in hook.got[-1]["message"]


def test_overdue_data_are_told_once_a_night(shop: Shop, hook: Hook, clock: Clock, aftercare: Aftercare) -> None:
    rules(shop, "[freshness]\nhours = 36")
    aftercare("run", shop.exports, "--home", shop.home)
    clock.on(hours=34)
    aftercare("alerts", "--home", shop.home)
    assert len(hook.got) == 1
    clock.on(hours=1)
    aftercare("alerts", "--home", shop.home)
    clock.on(minutes=10)
    aftercare("alerts", "--home", shop.home)
    (late,) = hook.got[1:]
    assert (late["title"], late["type"]) == ("Data 1 d 13 h old", "warning")
    assert late["message"].startswith(
        "The dashboard's data are as of 2025-06-01 23:30: 1 d 13 h old, 1 d 12 h were promised."
    )
    clock.on(days=1)
    aftercare("alerts", "--home", shop.home)
    assert len(hook.got) == 3


def test_quiet_hours_keep_messages_until_morning(shop: Shop, hook: Hook, clock: Clock, aftercare: Aftercare) -> None:
    rules(shop, '[quiet]\nfrom = "22:00"\nto = "07:30"')
    aftercare("run", shop.exports, "--home", shop.home)
    clock.on(hours=5, minutes=59)
    aftercare("alerts", "--home", shop.home)
    assert hook.got == []
    (row,) = aftercare("alerts", "--show", "--format", "json", "--home", shop.home).json
    assert (row["state"], row["attempts"]) == ("quiet", 0)
    clock.on(minutes=1)
    aftercare("alerts", "--home", shop.home)
    assert len(hook.got) == 1


def test_an_urgent_verdict_passes_quiet_hours_and_what_waits_before_it(
    shop: Shop, hook: Hook, clock: Clock, aftercare: Aftercare
) -> None:
    rules(shop, '[quiet]\nfrom = "22:00"\nto = "07:30"\nurgent = ["stopped"]')
    aftercare("run", shop.exports, "--home", shop.home)
    clock.on(minutes=5)
    spoil(shop)
    aftercare("run", shop.exports, "--home", shop.home)
    assert hook.subjects == [STOPPED]
    aftercare("alerts", "--now", "--home", shop.home)
    assert len(hook.got) == 2


def test_a_channel_is_told_what_it_asked_for(
    shop: Shop, hook: Hook, clock: Clock, aftercare: Aftercare, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AFTERCARE_TEST_ZH", hook.url)
    text = '[[channel]]\nname = "群"\nenv = "AFTERCARE_TEST_ZH"\ntell = ["stopped"]'
    (shop.home / "alerts.toml").write_text(text, encoding="utf-8")
    aftercare("run", shop.exports, "--home", shop.home)
    assert hook.got == []
    for _ in range(2):
        spoil(shop)
        aftercare("run", shop.exports, "--home", shop.home)
        mend(shop)
        clock.on(minutes=1)
        shop.tickets(f"06{clock.now.minute}", (f"T9{clock.now.minute}", "C001", "2025-06-01 11:00:00"))
        aftercare("run", shop.exports, "--home", shop.home)
    assert hook.subjects == ["夜间任务已停止，未发布新数据"] * 2


def test_no_secret_is_kept_or_said(
    shop: Shop, hook: Hook, clock: Clock, aftercare: Aftercare, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    hook.status = 500
    said = aftercare("run", shop.exports, "--home", shop.home)
    hook.status = 200
    more = [aftercare("alerts", *args, "--home", shop.home) for args in ([], ["--now"], ["--show"], ["--test"])]
    assert len(hook.got) == 2
    everything = "".join(one.out + one.err for one in (said, *more)) + caplog.text
    assert SECRET not in everything
    for file in shop.home.rglob("*"):
        if file.is_file():
            assert SECRET.encode() not in file.read_bytes(), file
    assert stat.S_IMODE((shop.home / "alerts.db").stat().st_mode) == 0o600


def test_a_channel_without_its_variable_is_named_and_its_message_waits(
    shop: Shop, hook: Hook, clock: Clock, aftercare: Aftercare, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.delenv("AFTERCARE_TEST_HOOK")
        done = aftercare("run", shop.exports, "--home", shop.home)
    assert done.code == shared.PUBLISHED
    assert "AFTERCARE_TEST_HOOK is not set" in done.err
    aftercare("alerts", "--now", "--home", shop.home)
    assert len(hook.got) == 1


def test_a_test_message_goes_to_every_channel_and_is_not_kept(shop: Shop, hook: Hook, aftercare: Aftercare) -> None:
    assert aftercare("alerts", "--test", "--home", shop.home).code == shared.PUBLISHED
    assert hook.subjects == ["Aftercare test message"]
    hook.status = 404
    assert aftercare("alerts", "--test", "--home", shop.home).code == shared.FAILED
    assert "no messages" in aftercare("alerts", "--show", "--home", shop.home).out


def test_without_rules_nothing_is_sent_and_nothing_said(shop: Shop, hook: Hook, aftercare: Aftercare) -> None:
    (shop.home / "alerts.toml").unlink()
    assert "alert" not in aftercare("run", shop.exports, "--home", shop.home).err
    told = aftercare("alerts", "--home", shop.home)
    assert (told.code, told.out) == (shared.PUBLISHED, "")
    assert "alerts.toml" in told.err
    assert (hook.got, (shop.home / "alerts.db").exists()) == ([], False)


def test_no_other_command_pays_for_the_libraries_that_send(shop: Shop) -> None:
    for arguments in (["status"], ["alerts", "--show"], ["alerts"]):
        asked = (
            f"import sys; sys.argv = ['aftercare', *{arguments}, '--home', {str(shop.root / 'empty')!r}]\n"
            "from dashboard import cli\n"
            "try: cli.main()\nexcept SystemExit: pass\n"
            "sys.exit('apprise' in sys.modules or 'requests' in sys.modules)"
        )
        done = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=False)
        assert done.returncode == 0, (arguments, done.stderr)
