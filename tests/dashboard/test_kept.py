"""What one reader asked is kept for the next: asked once however many wait for it, and never more than its bytes."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, Event

import polars as pl
import pytest

from dashboard.kept import Kept


def frame(rows: int) -> pl.DataFrame:
    return pl.DataFrame({"n": range(rows)})


def test_a_frame_is_read_once() -> None:
    kept, read = Kept(), []

    def ask(key: str) -> pl.DataFrame:
        return kept.one(key, lambda: read.append(key) or frame(3))  # type: ignore[func-returns-value]

    assert ask("a") is ask("a")
    ask("b")
    assert read == ["a", "b"]


def test_together_only_what_is_missing_is_read() -> None:
    kept = Kept()
    one = kept.one("b", lambda: frame(1))
    places: list[int] = []
    found = kept.many(["a", "b", "a", "c"], lambda missing: places.extend(missing) or [frame(at) for at in missing])  # type: ignore[func-returns-value]
    assert places == [0, 3]
    assert [each.height for each in found] == [0, 1, 0, 3]
    assert found[1] is one


def test_who_asks_while_another_reads_waits_for_her() -> None:
    kept, reading, may_end = Kept(), Event(), Event()
    reads = []

    def slowly() -> pl.DataFrame:
        reads.append(1)
        reading.set()
        assert may_end.wait(10)
        return frame(5)

    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(kept.one, "a", slowly)
        assert reading.wait(10)
        second = pool.submit(kept.one, "a", slowly)
        may_end.set()
        assert first.result(10) is second.result(10)
    assert len(reads) == 1


def test_two_readers_of_overlapping_pages_never_wait_for_each_other() -> None:
    kept, both = Kept(), Barrier(2, timeout=10)

    def ask(keys: list[str]) -> list[pl.DataFrame]:
        def read(places: list[int]) -> list[pl.DataFrame]:
            both.wait()
            return [frame(1) for _ in places]

        return kept.many(keys, read)

    with ThreadPoolExecutor(2) as pool:
        answers = [pool.submit(ask, keys) for keys in (["a", "b"], ["c", "d"])]
        assert [len(each.result(10)) for each in answers] == [2, 2]


def test_an_error_is_told_to_all_who_wait_and_not_kept() -> None:
    kept = Kept()

    def fails() -> pl.DataFrame:
        raise ValueError("gone")

    with pytest.raises(ValueError, match="gone"):
        kept.one("a", fails)
    assert kept.one("a", lambda: frame(2)).height == 2


def test_it_never_holds_more_than_its_bytes_and_lets_the_oldest_go() -> None:
    kept, read = Kept(most_bytes=100_000), []
    for key in range(100):
        kept.one(key, lambda: frame(1_000))
        kept.one("often", lambda: read.append(1) or frame(10))  # type: ignore[func-returns-value]
        assert kept.bytes <= 100_000
    assert len(read) == 1, "what is asked again and again stays"
    kept.clear()
    assert kept.bytes == 0


def test_what_is_larger_than_all_of_it_is_given_and_not_kept() -> None:
    kept = Kept(most_bytes=10_000)
    assert kept.one("a", lambda: frame(10_000)).height == 10_000
    assert kept.bytes == 0


def test_a_frame_larger_than_everything_pushes_nothing_out() -> None:
    kept, read = Kept(most_bytes=100_000), []
    kept.one("small", lambda: frame(10))
    assert kept.one("huge", lambda: frame(100_000)).height == 100_000
    kept.one("small", lambda: read.append(1) or frame(10))  # type: ignore[func-returns-value]
    assert read == []


def test_who_waits_for_one_question_of_a_batch_that_failed_gets_its_answer() -> None:
    kept, reading, may_end = Kept(), Event(), Event()

    def fails(places: list[int]) -> list[pl.DataFrame]:
        reading.set()
        assert may_end.wait(10)
        raise ValueError("too heavy")

    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(kept.many, ["heavy", "light"], fails)
        assert reading.wait(10)
        second = pool.submit(kept.one, "light", lambda: frame(3))
        may_end.set()
        with pytest.raises(ValueError, match="too heavy"):
            first.result(10)
        assert second.result(10).height == 3
