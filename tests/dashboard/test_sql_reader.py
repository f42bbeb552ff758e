"""A reader's own SQL: one SELECT, on the snapshot alone, bounded, and for who may see every region."""

from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest

from dashboard.metrics import sql_reader
from dashboard.metrics.access import Scope
from dashboard.metrics.sql_reader import SqlRefused
from tests.dashboard.conftest import OpenPage

ALL = Scope.everything()


class OneFile:
    """A snapshot as far as the SQL page needs it."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.columns = {"core.numbers": ("n",)}


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory: pytest.TempPathFactory) -> OneFile:
    file = tmp_path_factory.mktemp("sql") / "one.duckdb"
    with duckdb.connect(str(file)) as con:
        con.execute("create schema core; create table core.numbers as select range as n from range(1000)")
    return OneFile(file)


Ask = Callable[..., sql_reader.Answer]


@pytest.fixture
def ask(snapshot: OneFile) -> Ask:
    return lambda text, **more: sql_reader.run(snapshot, ALL, text, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "text",
    [
        "select sum(n) as total from core.numbers",
        "with a as (select n from core.numbers) select sum(n) as total from a;",
        "-- how many\nselect sum(n) as total from core.numbers -- all",
    ],
)
def test_one_select_is_answered(ask: Ask, text: str) -> None:
    assert ask(text).frame.rows() == [(499_500,)]


def test_more_rows_than_allowed_are_cut_and_said_to_be(ask: Ask) -> None:
    assert ask("from core.numbers", most_rows=10).is_cut
    whole = ask("from core.numbers", most_rows=1_000)
    assert (whole.frame.height, whole.is_cut) == (1_000, False)


@pytest.mark.parametrize(
    "text",
    [
        "select 1; select 2",
        "delete from core.numbers",
        "create table t as select 1",
        "attach '/tmp/x.duckdb' as x",
        "copy core.numbers to '/tmp/x.csv'",
        "set memory_limit = '100GB'",
        "pragma version",
        "call pragma_version()",
        "install httpfs",
        "",
    ],
)
def test_nothing_but_one_select_is_run(ask: Ask, text: str) -> None:
    with pytest.raises(SqlRefused) as refused:
        ask(text)
    assert refused.value.code == "not_select"


@pytest.mark.parametrize(
    "text",
    [
        "select * from read_csv('/etc/passwd', columns={'a': 'varchar'}, delim='#')",
        "select content from read_text('/etc/hostname')",
        "select * from glob('/etc/*')",
        "select * from '/etc/passwd'",
        "select getenv('HOME')",
        "select nothing from core.numbers",
        "selec 1",
    ],
)
def test_files_environment_and_mistakes_are_refused_with_a_reason(ask: Ask, text: str) -> None:
    with pytest.raises(SqlRefused) as refused:
        ask(text)
    assert refused.value.code == "error"
    assert refused.value.reason


def test_a_query_that_takes_too_long_is_stopped(ask: Ask) -> None:
    endless = "select count(*) from range(100000000) as a, range(100000000) as b where a.range + b.range = -1"
    with pytest.raises(SqlRefused) as refused:
        ask(endless, most_seconds=0.3)
    assert refused.value.code == "too_long"


def test_who_sees_some_regions_only_cannot_ask(snapshot: OneFile) -> None:
    with pytest.raises(SqlRefused) as refused:
        sql_reader.run(snapshot, Scope(regions=("北京",)), "select 1")  # type: ignore[arg-type]
    assert refused.value.code == "forbidden"


@pytest.mark.slow
def test_the_page_is_there_only_where_it_is_turned_on(open_page: OpenPage, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match="Could not find a navigation page"):
        open_page("sql")
    monkeypatch.setenv("AFTERCARE_SQL_PAGE", "1")
    page = open_page("sql")
    assert not page.exception
    assert page.text_area
