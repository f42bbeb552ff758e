"""What a mapping may say beside `this heading is that column`, and whose file counts."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from ingestion import mapping_columns, mapping_joins
from ingestion.errors import MappingInvalid
from ingestion.mapping import OPTIONS, SHIPPED, find_exports, load_source, load_sources

FEEDS = "[feeds.tickets.datasets.tickets]\n"
MAPPING = (
    "their_heading,our_column,required\nnumber | nr | key + line,ticket_id,yes\nopened,created_at,\nstate,status,\n"
)


def source(folder: Path, toml: str = FEEDS, **files: str) -> Path:
    for name, text in {"source.toml": toml, "tickets.csv": MAPPING, **files}.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder


def test_a_file_is_read_by_the_first_alternative_it_has(tmp_path: Path) -> None:
    feed = load_source(source(tmp_path / "desk")).feed("tickets")
    assert feed.headings == ("number", "nr", "key", "line", "opened", "state")
    assert feed.used({"nr", "number", "opened"}) == ("number", "opened", "state")
    assert feed.used({"key", "line", "opened"}) == ("key", "line", "opened", "state")
    assert feed.missing({"nr", "opened", "state"}) == []
    assert feed.missing({"key", "opened", "state"}) == ["number"]


def test_headings_that_are_not_loaded_can_be_known(tmp_path: Path) -> None:
    toml = "ignore = ['custom_.*']\n[feeds.tickets]\n" + FEEDS
    mapping = MAPPING + "notes | remarks,,\n"
    feed = load_source(source(tmp_path / "desk", toml, **{"tickets.csv": mapping})).feed("tickets")
    known = [
        heading for heading in ("notes", "remarks", "custom_7", "nr", "my_custom_7", "note") if feed.knows(heading)
    ]
    assert known == ["notes", "remarks", "custom_7", "nr"]
    assert "notes" not in feed.headings


def test_headings_that_predicates_name_are_read_and_need_not_be_there(tmp_path: Path) -> None:
    toml = FEEDS + "where = '''\"@kind | type\" = 'x' '''\ngone_when = '\"@deleted\" = 1'\nkey = ['@uid']\n"
    feed = load_source(source(tmp_path / "desk", toml)).feed("tickets")
    assert feed.used({"type"})[-3:] == ("uid", "type", "deleted")
    assert feed.missing({"number", "opened", "state"}) == ["uid"]


def test_where_every_record_is_a_tombstone_only_the_key_is_needed(tmp_path: Path) -> None:
    mapping = "their_heading,our_column\nid,ticket_id\n"
    folder = source(tmp_path / "desk", FEEDS + "gone_when = 'true'\n", **{"tickets.csv": mapping})
    assert load_source(folder).feed("tickets").missing(set()) == ["id"]
    with pytest.raises(MappingInvalid, match="created_at, status"):
        load_source(source(folder, FEEDS + "gone_when = 'kind = 1'\n", **{"tickets.csv": mapping}))


@pytest.mark.parametrize(
    ("toml", "complaint"),
    [
        ("ignore = ['[']\n" + FEEDS, "ignore: '['"),
        ("ignore = 'x'\n" + FEEDS, "ignore: 'x'"),
        ("ignore_files = 'x'\n" + FEEDS, "ignore_files"),
        (FEEDS + "[feeds.tickets.join]\nsheet = 'b'\non = 'id'\n", "unknown option feeds.tickets.join"),
        (FEEDS + "[[feeds.tickets.joins]]\non = 'id'\n", "joins[0] needs on, and file, sheet or path"),
        (FEEDS + "[[feeds.tickets.joins]]\nfile = 'x'\n", "joins[0] needs on"),
        (FEEDS + "[[feeds.tickets.joins]]\nfile = '['\non = 'id'\n", "joins[0].file"),
        (FEEDS + "[[feeds.tickets.joins]]\nfile = 'x'\non = 1\n", "joins[0].on"),
        (FEEDS + "[[feeds.tickets.joins]]\nfile = 'x'\non = 'y'\nkeys = 'z'\n", "unknown option joins[0].keys"),
    ],
)
def test_every_slip_is_refused_by_name(tmp_path: Path, toml: str, complaint: str) -> None:
    with pytest.raises(MappingInvalid) as caught:
        load_source(source(tmp_path / "desk", toml))
    assert complaint in caught.value.detail


def test_microseconds_fill_whole_numbers_only(tmp_path: Path) -> None:
    mapping = MAPPING + "#micros seen,{},\n"
    load_source(source(tmp_path / "desk", **{"tickets.csv": mapping.format("reopen_count")}))
    with pytest.raises(MappingInvalid, match="subject is no whole number") as caught:
        load_source(source(tmp_path / "desk", **{"tickets.csv": mapping.format("subject")}))
    assert caught.value.line == 5


def test_joined_and_ignored_files_are_not_called_unmatched(tmp_path: Path) -> None:
    joins = "[[feeds.tickets.joins]]\nfile = 'users?\\.csv'\non = 'by'\n"
    toml = "ignore_files = ['.*_log\\.csv', 'tickets-draft\\.csv']\n" + FEEDS + joins
    sources = {"desk": load_source(source(tmp_path / "maps" / "desk", toml))}
    for name in ("tickets.csv", "tickets-draft.csv", "users.csv", "audit_log.csv", "other.csv", "deep/users.csv"):
        path = tmp_path / "exports" / "desk" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    matched, unmatched = find_exports(tmp_path / "exports", sources)
    assert [file.path.name for file in matched] == ["tickets.csv"]
    assert [path.relative_to(tmp_path / "exports" / "desk").as_posix() for path in unmatched] == [
        "deep/users.csv",
        "other.csv",
    ]


def test_the_owner_s_files_win_one_by_one(tmp_path: Path) -> None:
    own = tmp_path / "mappings"
    values = own / "helpdesk" / "values" / "tickets.status.csv"
    values.parent.mkdir(parents=True)
    values.write_text("their_value,our_value\nBRAND NEW,new\n", encoding="utf-8")
    (own / ".git").mkdir()
    ours, theirs = (load_sources(folder)["helpdesk"] for folder in (None, own))
    assert theirs.feed("tickets").datasets[0].values["status"] == {"BRAND NEW": "new"}
    assert theirs.feed("tickets").datasets[0].values.keys() == ours.feed("tickets").datasets[0].values.keys()
    assert theirs.feed("customers") == ours.feed("customers")
    text = (SHIPPED / "helpdesk" / "source.toml").read_text(encoding="utf-8")
    changed = text.replace('customer_namespace = "helpdesk"', 'customer_namespace = "mine"')
    (own / "helpdesk" / "source.toml").write_text(changed, encoding="utf-8")
    assert load_sources(own)["helpdesk"].customer_namespace == "mine"


def test_a_folder_that_names_no_source_is_refused(tmp_path: Path) -> None:
    (tmp_path / "helpdeks" / "values").mkdir(parents=True)
    with pytest.raises(MappingInvalid) as caught:
        load_sources(tmp_path)
    assert caught.value.export == str(tmp_path / "helpdeks")


def test_the_readme_speaks_of_every_option_and_its_examples_are_sound() -> None:
    text = (SHIPPED / "README.md").read_text(encoding="utf-8")
    known = {*OPTIONS, *mapping_columns.DATASET_KEYS, *mapping_joins.KINDS, "ignore_files", "joins"}
    assert {name for name in known if f"`{name}`" not in text} == set()
    examples = re.findall(r"```toml\n(.*?)```", text, re.DOTALL)
    assert len(examples) == 3
    for example in examples:
        assert tomllib.loads(example)["feeds"]


def test_the_command_line_may_replace_what_one_file_can_differ_in(tmp_path: Path) -> None:
    feed = load_source(source(tmp_path / "desk")).feed("tickets")
    assert feed.with_options({"ignore": "custom_.*,x"}).ignore == ("custom_.*", "x")
    assert not {"joins", "datasets", "brought"} & set(OPTIONS)
