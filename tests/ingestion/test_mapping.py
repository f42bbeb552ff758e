"""Mappings: people edit them, so every slip is named with its file and line."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path

import pytest

from data_checks.contract import datasets
from ingestion.errors import MappingInvalid
from ingestion.mapping import SHIPPED, find_exports, load_source, load_sources

FEEDS = "[feeds.tickets.datasets.tickets]\n"
MAPPING = "their_heading,our_column,required\nnumber,ticket_id,yes\nopened,created_at,\nstate,status,\n"


def source(folder: Path, toml: str = FEEDS, **files: str) -> Path:
    for name, text in {"source.toml": toml, "tickets.csv": MAPPING, **files}.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8-sig" if name.endswith(".csv") else "utf-8")
    return folder


def test_a_feed_takes_what_the_source_declares_and_may_differ(tmp_path: Path) -> None:
    toml = (
        'customer_namespace = "ours"\ntimezone = "Europe/Paris"\ndatetime_format = ["%d/%m/%Y", "iso"]\n'
        '[feeds.tickets]\ntimezone = "UTC"\nencoding = "gb18030"\n' + FEEDS
    )
    feed = load_source(source(tmp_path / "desk", toml)).feed("tickets")
    assert (feed.customer_namespace, feed.timezone, feed.encodings) == ("ours", "UTC", ("gb18030",))
    assert feed.datetime_formats == ("%d/%m/%Y", "iso")
    assert feed.datasets[0].key == ("ticket_id",)
    assert feed.headings == ("number", "opened", "state")


@pytest.mark.parametrize("encoding", ["gb18030", "utf-8-sig"])
def test_files_are_read_as_chinese_excel_and_notepad_save_them(tmp_path: Path, encoding: str) -> None:
    folder = source(tmp_path / "desk", "# 说明\n" + FEEDS, **{"values/status.csv": "their_value,our_value\n"})
    theirs = {
        "source.toml": "# 说明\n[feeds.tickets]\nfile = '工单.*'\n" + FEEDS,
        "tickets.csv": "their_heading,our_column\r\n编号,ticket_id\r\n时间,created_at\r\n状态,status\r\n",
        "values/status.csv": "their_value,our_value\r\n已完成,solved\r\n",
    }
    for name, text in theirs.items():
        (folder / name).write_bytes(text.encode(encoding))
    feed = load_source(folder).feed("tickets")
    assert feed.headings == ("编号", "时间", "状态")
    assert feed.matches("工单-1.xlsx")
    assert feed.datasets[0].values["status"] == {"已完成": "solved"}


def test_a_slip_of_a_whole_file_names_no_line(tmp_path: Path) -> None:
    with pytest.raises(MappingInvalid) as slip:
        load_source(source(tmp_path / "desk", "timezone = 'Mars/Base'\n" + FEEDS))
    assert slip.value.finding.code == "mapping_file_invalid"


def test_a_source_says_how_far_it_is_believed_and_whose_ids_its_masters_are(tmp_path: Path) -> None:
    toml = 'customer_namespace = "ours"\ncustomer_precedence = 10\nmaster_namespace = "group"\n' + FEEDS
    declared = load_source(source(tmp_path / "desk", toml))
    assert (declared.customer_precedence, declared.master_namespace) == (10, "group")
    silent = load_source(source(tmp_path / "shop", 'customer_namespace = "ours"\n' + FEEDS))
    assert (silent.customer_precedence, silent.master_namespace) == (100, "ours")


@pytest.mark.parametrize(
    ("toml", "complaint"),
    [
        ("customer_precedence = '1'\n" + FEEDS, "customer_precedence is a whole number"),
        ("customer_precedence = true\n" + FEEDS, "customer_precedence is a whole number"),
        ("master_namespace = 1\n" + FEEDS, "master_namespace is text"),
        ("datetime_fromat = 'iso'\n" + FEEDS, "unknown option datetime_fromat"),
        ("[feeds.tickets]\ndelimeter = ';'\n" + FEEDS, "unknown option feeds.tickets.delimeter"),
        ("timezone = 'Mars/Base'\n" + FEEDS, "Mars/Base"),
        ("[feeds.tickets]\nencoding = 'utf-9'\n" + FEEDS, "utf-9"),
        ("id_pattern = '['\n" + FEEDS, "unterminated"),
        ("time_order = 'ignore'\n" + FEEDS, "time_order"),
        ("data_through = 'yesterday'\n" + FEEDS, "data_through"),
        ("[feeds.tickets]\nheader_row = -1\n" + FEEDS, "header_row"),
        ("[feeds.tickets]\nmay_be_empty = 1\n" + FEEDS, "may_be_empty"),
        ("[feeds.tickets]\ndelimiter = '||'\n" + FEEDS, "one character"),
        ("[feeds.tickets.datasets.tikets]\n", "no such dataset: tikets"),
        ("[feeds.tickets.datasets.tickets]\nkey = ['flow_id']\n", "flow_id is part of the key"),
        ("[feeds.tickets]\n", "no datasets"),
        ("timezone = \n", "Invalid value"),
    ],
)
def test_every_slip_in_a_source_is_refused_by_name(tmp_path: Path, toml: str, complaint: str) -> None:
    with pytest.raises(MappingInvalid) as caught:
        load_source(source(tmp_path / "desk", toml))
    assert complaint in caught.value.detail


@pytest.mark.parametrize(
    ("mapping", "line", "complaint"),
    [
        (MAPPING + "x,no_such_column,\n", 5, "no column no_such_column"),
        (MAPPING + "x,status,\n", 5, "mapped twice"),
        ("their_heading,our_column\nnumber,ticket_id\n", 0, "created_at, status"),
        ("heading,column\n", 1, "their_heading, our_column"),
    ],
)
def test_every_slip_in_a_mapping_file_is_named_with_its_line(
    tmp_path: Path, mapping: str, line: int, complaint: str
) -> None:
    with pytest.raises(MappingInvalid) as caught:
        load_source(source(tmp_path / "desk", **{"tickets.csv": mapping}))
    assert (Path(caught.value.export).name, caught.value.line) == ("tickets.csv", line)
    assert complaint in caught.value.detail


def test_values_of_a_dataset_win_over_the_shared_ones(tmp_path: Path) -> None:
    shared, own = "their_value,our_value\nA,open\n", "their_value,our_value\nA,closed\n"
    folder = source(tmp_path / "desk", **{"values/status.csv": shared})
    assert load_source(folder).feed("tickets").datasets[0].values == {"status": {"A": "open"}}
    source(folder, **{"values/tickets.status.csv": own})
    assert load_source(folder).feed("tickets").datasets[0].values == {"status": {"A": "closed"}}


def test_an_edited_values_file_is_read_again(tmp_path: Path) -> None:
    folder = source(tmp_path / "desk", **{"values/status.csv": "their_value,our_value\nA,open\n"})
    load_source(folder)
    source(folder, **{"values/status.csv": "their_value,our_value\nA,closed now\n"})
    assert load_source(folder).feed("tickets").datasets[0].values["status"] == {"A": "closed now"}


def test_the_owner_s_mappings_win_over_ours(tmp_path: Path) -> None:
    own = source(tmp_path / "helpdesk", "customer_namespace = 'mine'\n" + FEEDS).parent
    assert load_sources()["helpdesk"].customer_namespace == "helpdesk"
    assert load_sources(own)["helpdesk"].customer_namespace == "mine"


def test_every_shipped_source_loads_and_feeds_known_datasets() -> None:
    shipped = load_sources()
    assert set(shipped) == {path.parent.name for path in SHIPPED.glob("*/source.toml")}
    for each in shipped.values():
        for feed in each.feeds.values():
            assert {dataset.name for dataset in feed.datasets} <= set(datasets())


def test_files_belong_to_a_feed_by_folder_and_name(tmp_path: Path) -> None:
    sources = {"desk": load_source(source(tmp_path / "maps" / "desk"))}
    names = ["desk/tickets.csv", "desk/tickets-2025-06-01.CSV.GZ", "desk/ticketsold.csv", "desk/tickets.pdf"]
    names += ["other/tickets.csv", "tickets.csv", "desk/deep/tickets.csv", "desk/.tickets.csv"]
    for name in names:
        (tmp_path / "exports" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "exports" / name).touch()
    matched, unmatched = find_exports(tmp_path / "exports", sources)
    assert [file.path.name for file in matched] == ["tickets-2025-06-01.CSV.GZ", "tickets.csv"]
    assert {path.relative_to(tmp_path / "exports").as_posix() for path in unmatched} == {
        "desk/ticketsold.csv",
        "desk/tickets.pdf",
        "other/tickets.csv",
        "tickets.csv",
        "desk/deep/tickets.csv",
    }


def test_options_can_be_set_for_one_file_as_a_command_line_gives_them(tmp_path: Path) -> None:
    feed = load_source(source(tmp_path / "desk")).feed("tickets")
    changed = feed.with_options(
        {"tz": "UTC", "delimiter": "tab", "header_row": "3", "nulls": "-,?", "may_be_empty": "true"}
    )
    assert (changed.timezone, changed.delimiter, changed.header_row) == ("UTC", "\t", 3)
    assert (changed.nulls, changed.may_be_empty) == (("", "-", "?"), True)
    for bad in ({"zone": "UTC"}, {"header_row": "two"}, {"may_be_empty": "maybe"}, {"tz": "Mars"}, {"join": "x"}):
        with pytest.raises(MappingInvalid):
            feed.with_options(bad)


@pytest.mark.parametrize("line", ['customer_namespace = "crm:eu"', 'master_namespace = "crm:eu"'])
def test_a_namespace_with_a_colon_is_refused(tmp_path: Path, line: str) -> None:
    # Keys are namespace:id, and are taken apart again at the colon.
    with pytest.raises(MappingInvalid, match="colon"):
        load_source(source(tmp_path / "shop", f"{line}\n{FEEDS}"))


@pytest.mark.parametrize("since", ["2025-07-01", "2025/7/1"])
def test_a_retired_feed_is_awaited_until_its_day_and_again_once_it_is_back(tmp_path: Path, since: str) -> None:
    retired = f"feed,since\ntickets,{since}\n"
    shanghai = 'timezone = "Asia/Shanghai"\n' + FEEDS
    own = source(tmp_path / "desk", shanghai, **{"retired.csv": retired})
    desk = load_source(own)
    assert desk.retired == {"tickets": date(2025, 7, 1)}
    june, ended = datetime(2025, 6, 30, 15, 59), datetime(2025, 6, 30, 16)
    assert desk.awaits("tickets", june, june)
    assert not desk.awaits("tickets", june, ended)
    assert desk.awaits("tickets", datetime(2025, 7, 9), datetime(2025, 7, 9))
    assert not desk.awaits("never_declared", june, june)


def test_a_shipped_source_is_retired_by_a_file_beside_it(tmp_path: Path) -> None:
    own = tmp_path / "zendesk"
    own.mkdir()
    (own / "retired.csv").write_text("feed,since\n*,2025-07-01\n", encoding="utf-8")
    zendesk = load_source(own, SHIPPED / "zendesk")
    assert set(zendesk.retired) == set(zendesk.feeds)
    assert len(zendesk.feeds) > 1


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("orders,2025-07-01", "no such feed"),
        ("tickets,July", "since is a day"),
        ("tickets,2025-02-30", "since is a day"),
    ],
)
def test_a_slip_in_the_list_of_retired_feeds_is_named_with_its_line(tmp_path: Path, line: str, reason: str) -> None:
    own = source(tmp_path / "desk", **{"retired.csv": f"feed,since\n{line}\n"})
    with pytest.raises(MappingInvalid) as slip:
        load_source(own)
    assert reason in str(slip.value.finding.fields)
    assert slip.value.finding.fields["line"] == 2
