"""An object that stands alone in a file: a record where its fields say so, and no page around a list."""

import json
from pathlib import Path

import pytest

from ingestion.check import CheckResult, check_file

RATING = {"id": 35436, "ticket_id": 208, "requester_id": 7881, "score": "good", "updated_at": "2011-07-20T22:55:29Z"}


def check(path: Path, text: str, feed: str = "satisfaction_rating") -> CheckResult:
    path.write_text(text, encoding="utf-8")
    return check_file(path, "zendesk", feed, {}, {})


@pytest.mark.parametrize("indent", [None, 2])
@pytest.mark.parametrize("mark", ["", "\ufeff", "\n "])
def test_one_object_is_one_record(tmp_path: Path, indent: int | None, mark: str) -> None:
    result = check(tmp_path / "satisfaction_rating.json", mark + json.dumps(RATING, indent=indent))
    assert (result.verdict, result.rows_read, result.rows_loaded) == ("accept", 1, 1)


def test_its_values_are_judged_as_any_other_s(tmp_path: Path) -> None:
    result = check(tmp_path / "satisfaction_rating.json", json.dumps({**RATING, "updated_at": "soon"}))
    assert [(reason.row, reason.code) for reason in result.reasons][-1] == (1, "bad_datetime")


@pytest.mark.parametrize(
    ("text", "feed"),
    [
        (json.dumps({"satisfaction_ratings": [RATING]}), "satisfaction_rating"),  # a page, and no path was declared
        (json.dumps(RATING), "satisfaction_rating_pages"),  # a record, where a page was declared
        ('{"id": 1, "id": 2, "score": "good"}', "satisfaction_rating"),
    ],
)
def test_what_is_no_record_of_the_feed_is_refused(tmp_path: Path, text: str, feed: str) -> None:
    result = check(tmp_path / "satisfaction_ratings.json", text, feed)
    assert (result.verdict, [fault.code for fault in result.faults]) == ("reject", ["wrong_format"])
