"""The little line on a card: from left to right, the highest value at the top."""

import pytest

from dashboard import sparklines


def points(values: list[float]) -> list[tuple[float, float]]:
    told = sparklines._points(values).split()
    return [(float(x), float(y)) for x, _, y in (one.partition(",") for one in told)]


def test_the_line_runs_in_equal_steps_between_the_lowest_and_the_highest() -> None:
    # 200 wide and 44 high, 3 left free at each side: 38 for the span from 10 to 30.
    assert points([10, 30, 20]) == [(3.0, 41.0), (100.0, 3.0), (197.0, 22.0)]


def test_what_never_changes_lies_in_the_middle() -> None:
    assert points([7, 7]) == [(3.0, 22.0), (197.0, 22.0)]


def test_words_cannot_end_the_drawing(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[str] = []
    monkeypatch.setattr(sparklines.st, "html", drawn.append)
    sparklines.draw([1, 2], "blue", '"><script>alert(1)</script>')
    assert "<script" not in drawn[0]
    assert drawn[0].count("<polyline") == 1
