"""Survey answers as tables of a connector, as a survey tool's own CSV and as plain files with everyday headings."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from dashboard.metrics import query
from ingestion import pipeline
from ingestion.check import check_file
from ingestion.errors import MappingInvalid
from ingestion.settings import Settings
from ingestion.warehouse.kpis import Query
from tests.gates import open_gate

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = pytest.mark.slow

Night = "Callable[..., query.Snapshot]"


@pytest.fixture
def night(tmp_path: Path) -> Callable[..., query.Snapshot]:
    """Runs one night on files given as text and opens what was published."""
    home, exports = tmp_path / "home", tmp_path / "exports"

    def run(source: str, **files: str) -> query.Snapshot:
        inbox = exports / source
        shutil.rmtree(inbox, ignore_errors=True)
        inbox.mkdir(parents=True)
        for name, content in files.items():
            (inbox / f"{name}.csv").write_text(content, encoding="utf-8")
        with open_gate():
            outcome = pipeline.run(exports, Settings(home=home, settle_seconds=0))
        assert outcome.verdict == "published", outcome.findings
        snapshot = query.open_snapshot(home)
        assert snapshot is not None
        return snapshot

    return run


def answers(snapshot: query.Snapshot) -> list[tuple[object, ...]]:
    return snapshot.run(
        Query(
            "select survey_key, dimension, cast(score as integer), cast(scale_min as integer), "
            "cast(scale_max as integer), is_nps_answer, is_rating from core.fct_survey_answers order by 1, 2",
            (),
        )
    ).rows()


def surveys(snapshot: query.Snapshot, columns: str) -> list[tuple[object, ...]]:
    return snapshot.run(Query(f"select {columns} from core.fct_surveys order by survey_key", ())).rows()


# --- Qualtrics: the tables of a connector ------------------------------------------------------------------

SENT = (
    "contact_id,distribution_id,_fivetran_synced,response_id,sent_at,status\n"
    "CID_1,EMD_1,{synced},{response},2026-03-01 08:00:00.250000,{status}\n"
    "CID_2,EMD_1,2026-03-05 00:00:00,,2026-03-01 08:00:00,Opened\n"
    "CID_1,EMD_2,2026-03-05 00:00:00,,2026-03-02 08:00:00,HardBounce\n"
)
DISTRIBUTION = "id,request_type,survey_link_survey_id\nEMD_1,Invite,SV_1\nEMD_2,Invite,SV_1\n"
RESPONSES = (
    "id,survey_id,distribution_channel,end_date,last_modified_date,status\n"
    "R_1,SV_1,email,2026-03-02 09:00:00.000000,2026-03-02 10:00:00.000000,0\n"
    "R_2,SV_1,anonymous,2026-03-03 09:00:00.000000,2026-03-03 10:00:00.000000,0\n"
    "R_preview,SV_1,preview,2026-03-03 09:00:00.000000,2026-03-03 10:00:00.000000,1\n"
)
QUESTIONS = "id,survey_id,data_export_tag\nQID1,SV_1,NPS\nQID1,SV_2,Q1\nQID2,SV_1,CSAT\nQID3,SV_1,Fruit\n"
GIVEN = (
    "_fivetran_synced,question,question_id,response_id,sub_question_key,text,value\n"
    "2026-03-05 00:00:00,Would you recommend us?,QID1,R_1,,,9\n"
    "2026-03-05 00:00:00,How was it?,QID2,R_1,,fine,4\n"
    "2026-03-05 00:00:00,How was it?,QID2,R_2,,,2\n"
    "2026-03-05 00:00:00,Which fruit?,QID3,R_1,,,7\n"
    "2026-03-05 00:00:00,How was it?,QID2,R_1,3,,5\n"
)
CONTACTS = "id,email,creation_date,last_modified\n" + "".join(
    f"CID_{n},c{n}@example.com,2020-01-01 00:00:00.000000,2020-01-01 00:00:00.000000\n" for n in (1, 2)
)


def test_responses_are_joined_with_what_was_sent_and_asked(night: Callable[..., query.Snapshot]) -> None:
    snapshot = night(
        "qualtrics",
        survey_response=RESPONSES,
        distribution_contact=SENT.format(synced="2026-03-05 00:00:00", response="R_1", status="SurveyFinished"),
        distribution=DISTRIBUTION,
        question_response=GIVEN,
        question=QUESTIONS,
        directory_contact=CONTACTS,
    )
    # R_1's invitation is its own survey; CID_2 has not answered; what bounced was never received.
    assert surveys(snapshot, "survey_key, customer_key, kind, is_sent, responded_at is not null") == [
        ("qualtrics:CID_2-EMD_1", "qualtrics:CID_2", "instant", True, False),
        ("qualtrics:R_1", "qualtrics:CID_1", "instant", True, True),
        ("qualtrics:R_2", None, "instant", False, True),
    ]
    assert answers(snapshot) == [
        ("qualtrics:R_1", "nps", 9, 0, 10, True, False),
        ("qualtrics:R_1", "overall", 4, 1, 5, False, True),
        ("qualtrics:R_2", "overall", 2, 1, 5, False, True),
    ]
    # A question that is no score is left out, not held back for somebody to correct.
    assert set(query.meta(snapshot, "loads")["rows_quarantined"]) == {0}


def test_an_invitation_is_gone_once_it_is_answered(night: Callable[..., query.Snapshot]) -> None:
    before = night(
        "qualtrics",
        distribution_contact=SENT.format(synced="2026-03-01 12:00:00", response="", status="Opened"),
        distribution=DISTRIBUTION,
        directory_contact=CONTACTS,
    )
    assert [key for (key,) in surveys(before, "survey_key")] == ["qualtrics:CID_1-EMD_1", "qualtrics:CID_2-EMD_1"]
    after = night(
        "qualtrics",
        survey_response=RESPONSES,
        distribution_contact=SENT.format(synced="2026-03-05 00:00:00", response="R_1", status="SurveyFinished"),
        distribution=DISTRIBUTION,
        directory_contact=CONTACTS,
    )
    assert [key for (key,) in surveys(after, "survey_key")] == [
        "qualtrics:CID_2-EMD_1", "qualtrics:R_1", "qualtrics:R_2",
    ]  # fmt: skip


def test_an_invitation_that_bounces_later_reached_nobody(night: Callable[..., query.Snapshot]) -> None:
    for synced, status in (("2026-03-01 12:00:00", "Pending"), ("2026-03-05 00:00:00", "HardBounce")):
        snapshot = night(
            "qualtrics",
            distribution_contact=SENT.format(synced=synced, response="", status=status),
            distribution=DISTRIBUTION,
            directory_contact=CONTACTS,
        )
    assert surveys(snapshot, "survey_key") == [("qualtrics:CID_2-EMD_1",)]


# --- Qualtrics: its own CSV --------------------------------------------------------------------------------

EXPORT = (
    "StartDate,EndDate,Status,Progress,RecordedDate,ResponseId,ExternalReference,DistributionChannel,Q1,Q2\n"
    "Start Date,End Date,Response Type,Progress,Recorded Date,Response ID,External Data Reference,"
    "Distribution Channel,"
    '"How likely is it,\nthat you recommend ""us""?",Why?\n'
    '"{""ImportId"":""startDate"",""timeZone"":""UTC""}","{""ImportId"":""endDate""}","{""ImportId"":""status""}",'
    '"{""ImportId"":""progress""}","{""ImportId"":""recordedDate""}","{""ImportId"":""_recordId""}",'
    '"{""ImportId"":""externalDataReference""}","{""ImportId"":""distributionChannel""}","{""ImportId"":""QID1""}",'
    '"{""ImportId"":""QID2_TEXT""}"\n'
    "2026-03-01 08:00:00,2026-03-01 08:01:00,IP Address,100,2026-03-01 08:01:05,R_1,C-1,email,{first},quick\n"
    "2026-03-01 09:00:00,2026-03-01 09:01:00,IP Address,100,2026-03-01 09:01:05,R_2,,anonymous,3,\n"
    "2026-03-01 09:00:00,2026-03-01 09:01:00,IP Address,40,2026-03-08 09:01:05,R_3,,anonymous,,\n"
    "2026-03-01 09:30:00,2026-03-01 09:31:00,Survey Preview,100,2026-03-01 09:31:05,R_4,,preview,10,\n"
)


def test_the_rows_below_the_headings_of_an_export_are_no_answers(night: Callable[..., query.Snapshot]) -> None:
    snapshot = night(
        "qualtrics",
        nps_2026=EXPORT.replace("{first}", "10"),
        csat_2026=EXPORT.replace("R_", "S_").replace("{first}", "5"),
    )
    assert answers(snapshot) == [
        ("qualtrics:R_1", "nps", 10, 0, 10, True, False),
        ("qualtrics:R_2", "nps", 3, 0, 10, True, False),
        ("qualtrics:S_1", "overall", 5, 1, 5, False, True),
        ("qualtrics:S_2", "overall", 3, 1, 5, False, True),
    ]
    assert len(surveys(snapshot, "survey_key")) == 6


@pytest.mark.parametrize("more", ["", "2026-03-02 08:00:00,short\n"])
@pytest.mark.parametrize("question", ["it,\nthat", "it, that"])
def test_rows_are_counted_from_the_first_answer(tmp_path: Path, question: str, more: str) -> None:
    """The fast way, and the exact one that a broken row or a question of several lines calls for."""
    path = tmp_path / "nps.csv"
    path.write_text(EXPORT.replace("{first}", "ten").replace("it,\nthat", question) + more, encoding="utf-8")
    result = check_file(path, "qualtrics", "nps_export", {}, {})
    assert result.rows_read == 4 + bool(more)
    reasons = [(reason.row, reason.code) for reason in result.reasons]
    assert reasons == [(1, "bad_number"), *([(5, "ragged_row")] if more else [])]


def test_rows_can_only_be_skipped_in_text(tmp_path: Path) -> None:
    path = tmp_path / "nps.json"
    path.write_text("[]", encoding="utf-8")
    with pytest.raises(MappingInvalid, match="skip_rows_after_header"):
        check_file(path, "qualtrics", "nps_export", {"format": "json"}, {})


# --- plain files -------------------------------------------------------------------------------------------


def test_everyday_headings_in_chinese_and_english(night: Callable[..., query.Snapshot]) -> None:
    snapshot = night(
        "survey_csv",
        nps_q1="response_id,customer_id,Survey date,NPS,comment\nn1,c1,2026-03-01,10,\nn2,c2,2026/03/02,6,slow\n",
        满意度=(
            "问卷编号,工单编号,发送时间,评价时间,满意度\n"
            "m1,t1,2026-03-01 08:00:00,2026-03-01 09:30,4\n"
            "m2,t2,2026-03-01 08:00:00,,未评价\n"
        ),
        评价=(
            "问卷编号,客户编号,评价时间,评价项,评分,满分,评价内容\n"
            "a1,c1,2026-03-01 09:30,态度,5,,好\n"
            "a1,c1,2026-03-01 09:30,速度,8,10,\n"
            "a1,c1,2026-03-01 09:30,推荐意愿,9,,\n"
        ),
    )
    assert answers(snapshot) == [
        ("survey_csv:a1", "attitude", 5, 1, 5, False, False),
        ("survey_csv:a1", "nps", 9, 0, 10, True, False),
        ("survey_csv:a1", "speed", 8, 1, 10, False, False),
        ("survey_csv:m1", "overall", 4, 1, 5, False, True),
        ("survey_csv:n1", "nps", 10, 0, 10, True, False),
        ("survey_csv:n2", "nps", 6, 0, 10, True, False),
    ]
    assert surveys(snapshot, "survey_key, kind, ticket_key, customer_key, is_sent, is_answered_in_time") == [
        ("survey_csv:a1", "instant", None, "survey_csv:c1", False, True),
        ("survey_csv:m1", "instant", "survey_csv:t1", None, True, True),
        ("survey_csv:m2", "instant", "survey_csv:t2", None, True, False),
        ("survey_csv:n1", "nps", None, "survey_csv:c1", False, True),
        ("survey_csv:n2", "nps", None, "survey_csv:c2", False, True),
    ]  # fmt: skip


def test_a_date_that_can_be_read_two_ways_is_not_read_at_all(tmp_path: Path) -> None:
    path = tmp_path / "nps.csv"
    path.write_text("id,date,score\n" + "".join(f"{n},0{n % 9 + 1}/04/2026,9\n" for n in range(20)), encoding="utf-8")
    refused = check_file(path, "survey_csv", "nps", {}, {})
    assert refused.verdict == "reject"
    assert {reason.code for reason in refused.reasons if reason.row} == {"bad_datetime"}
    declared = check_file(path, "survey_csv", "nps", {"datetime_format": "%d/%m/%Y"}, {})
    assert (declared.verdict, declared.rows_loaded) == ("accept", 20)


def test_an_unknown_question_is_held_back_not_guessed(tmp_path: Path) -> None:
    path = tmp_path / "answers.csv"
    rows = [f"s{n},overall,2026-03-01,4" for n in range(9)]
    path.write_text(
        "\n".join(["survey_id,dimension,date,score", *rows, "s9,colour,2026-03-01,4\n"]), encoding="utf-8"
    )
    result = check_file(path, "survey_csv", "answers", {}, {})
    assert (result.verdict, result.rows_quarantined) == ("quarantine", 1)
    assert [(reason.row, reason.code) for reason in result.reasons] == [(10, "unknown_dimension")]


def test_words_of_satisfaction_are_scores_and_mean_nothing_where_nps_is_asked(night: Night) -> None:
    told = (
        "编号,回复时间,满意度\n"
        "A01,2026-03-01 10:00:00,非常满意\nA02,2026-03-02 10:00:00,不满意\nA03,2026-03-03 10:00:00,4\n"
    )
    asked = "编号,回复时间,满意度\n" + "".join(f"N{n:02},2026-03-01 10:00:00,{n % 11}\n" for n in range(60))
    found = answers(night("survey_csv", 满意度=told, nps=asked + "N99,2026-03-02 10:00:00,满意\n"))
    assert [row[:3] for row in found if str(row[0]).endswith(("A01", "A02", "A03"))] == [
        ("survey_csv:A01", "overall", 5),
        ("survey_csv:A02", "overall", 2),
        ("survey_csv:A03", "overall", 4),
    ]
    assert sum(row[1] == "nps" for row in found) == 60
