"""The builder: headers, references, order, grains."""

from pathlib import Path

import duckdb
import pytest

from ingestion.warehouse import engines, models
from ingestion.warehouse.errors import GrainBroken, ModelFailed, ModelInvalid

HEADER = "-- One row per ticket.\n-- grain: ticket_key\n"


def write(folder: Path, name: str, sql: str) -> None:
    schema, _, stem = name.partition(".")
    (folder / schema).mkdir(exist_ok=True)
    (folder / schema / f"{stem}.sql").write_text(sql, encoding="utf-8")


@pytest.fixture
def con() -> duckdb.DuckDBPyConnection:
    return engines.open_memory()


def test_a_model_says_what_a_row_is() -> None:
    model = models.parse_model("core.fct_tickets", "-- grain: a, b\nselect 1 as a, 2 as b")
    assert model.grain == ("a", "b")
    assert model.access is None


@pytest.mark.parametrize(
    ("name", "sql", "reason"),
    [
        ("core.fct_x", "select 1 as a", "no `-- grain:`"),
        ("marts.mart_x", "-- grain: a\nselect 1 as a", "needs `-- access:`"),
        ("core.fct_x", "-- grain: a\nselect 1 as a; select 2 as a", "exactly one SELECT"),
        ("core.fct_x", "-- grain: a\ncreate table t as select 1 as a", "exactly one SELECT"),
        ("core.fct_x", "-- grain: a\n-- keep: forever\nselect 1 as a", "build or view"),
        ("marts.mart_x", "-- grain: a\n-- access: a\n-- keep: build\nselect 1 as a", "for core alone"),
        ("core.fct_x", "-- grain: a\nselect from where", ""),
    ],
)
def test_a_model_that_cannot_be_trusted_is_refused(name: str, sql: str, reason: str) -> None:
    with pytest.raises(ModelInvalid) as raised:
        models.parse_model(name, sql)
    assert reason in str(raised.value.fields["reason"])


def test_models_are_ordered_by_what_they_read(tmp_path: Path) -> None:
    write(tmp_path, "core.a", HEADER + "select * from core.b")
    write(tmp_path, "core.b", HEADER + "select * from staging.stg_tickets")
    write(tmp_path, "staging.stg_tickets", HEADER + "select * from raw.tickets")
    assert [model.name for model in models.load_models(tmp_path)] == ["staging.stg_tickets", "core.b", "core.a"]


def test_a_ring_of_models_is_named(tmp_path: Path) -> None:
    write(tmp_path, "core.a", HEADER + "select * from core.b")
    write(tmp_path, "core.b", HEADER + "select * from core.a")
    with pytest.raises(ModelInvalid, match="ring"):
        models.load_models(tmp_path)


def test_a_reference_to_no_model_is_named(tmp_path: Path) -> None:
    write(tmp_path, "core.a", HEADER + "select * from staging.stg_nothing")
    with pytest.raises(ModelInvalid, match=r"staging\.stg_nothing"):
        models.load_models(tmp_path)


def test_tables_are_found_in_their_catalogs_and_the_text_stays() -> None:
    sql = (
        "-- raw.tickets in a comment stays, 中文 too\n-- grain: k\n"
        "with raw_tickets as (select * from raw.tickets)\n"
        "select k, 'raw.tickets' as t from raw_tickets join raw.tiers using (k) join staging.stg_x using (k)"
    )
    catalog_of = models.catalog_of(["tiers"])
    assert models.parse_model("core.x", sql).sql_for(catalog_of) == (
        "-- raw.tickets in a comment stays, 中文 too\n-- grain: k\n"
        "with raw_tickets as (select * from warehouse.raw.tickets)\n"
        "select k, 'raw.tickets' as t from raw_tickets join scratch.raw.tiers using (k)"
        " join scratch.staging.stg_x using (k)"
    )


def test_what_is_kept_for_the_build_lies_beside_it() -> None:
    kept = models.parse_model("core.x", "-- grain: a\n-- keep: build\nselect 1 as a")
    shown = models.parse_model("core.y", "-- grain: a\nselect a from core.x")
    assert (kept.is_published, shown.is_published) == (False, True)
    catalog_of = models.catalog_of([], [kept, shown])
    assert [catalog_of(model.name) for model in (kept, shown)] == ["scratch", ""]
    assert shown.sql_for(catalog_of).endswith("from scratch.core.x")


def test_a_repeated_key_breaks_the_grain(con: duckdb.DuckDBPyConnection) -> None:
    sql = HEADER + "from (values ('T1'), ('T1'), ('T2'), (null)) as t(ticket_key) select ticket_key"
    with pytest.raises(GrainBroken) as raised:
        models.build(con, models.parse_model("core.x", sql), lambda table: "")
    assert raised.value.fields == {"model": "core.x", "grain": "ticket_key", "keys": 1}


def test_a_repeated_key_is_found_where_part_of_it_is_missing(con: duckdb.DuckDBPyConnection) -> None:
    rows = "(values ('a', null), ('a', null), ('b', 1), (null, null), ('b', 1), ('b', 2)) as t (a, b)"
    model = models.parse_model("core.fct_x", f"-- grain: a, b\nselect a, b from {rows}")
    with pytest.raises(GrainBroken) as raised:
        models.build(con, model, lambda _: "")
    assert raised.value.fields["keys"] == 2


def test_keys_that_share_a_hash_do_not_break_the_grain(con: duckdb.DuckDBPyConnection) -> None:
    rows = "(values (cast(1 as hugeint)), (cast(18446744073709551616 as hugeint))) as t (a)"
    assert con.execute(f"select count(distinct hash(a)) from {rows}").fetchone() == (1,)
    models.build(con, models.parse_model("core.fct_x", f"-- grain: a\nselect a from {rows}"), lambda _: "")
    assert con.execute("select count(*) from core.fct_x").fetchone() == (2,)


def test_a_model_that_fails_on_the_data_is_named(con: duckdb.DuckDBPyConnection) -> None:
    model = models.parse_model("core.x", HEADER + "select * from core.not_there")
    with pytest.raises(ModelFailed) as raised:
        models.build(con, model, lambda table: "")
    assert raised.value.fields["model"] == "core.x"


def test_static_inputs_are_text_under_their_headings(con: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    (tmp_path / "policies").mkdir()
    (tmp_path / "policies" / "tiers.csv").write_text('tier,rank\ngold,1\n"sil,ver",2\n', encoding="utf-8")
    models.create_inputs(con, "memory", tmp_path)
    assert con.execute("from raw.tiers").fetchall() == [("gold", "1"), ("sil,ver", "2")]


def test_the_definition_hash_follows_every_definition(tmp_path: Path) -> None:
    write(tmp_path, "core.a", HEADER + "select 1 as ticket_key")
    before = models.definition_hash(tmp_path)
    (tmp_path / "README.md").write_text("words change nothing", encoding="utf-8")
    assert models.definition_hash(tmp_path) == before
    write(tmp_path, "core.a", HEADER + "select 2 as ticket_key")
    assert models.definition_hash(tmp_path) != before


def test_our_own_models_load_in_order() -> None:
    seen: set[str] = set()
    for model in models.load_models():
        needed = {name for name in model.references if name.partition(".")[0] in models.FOLDERS}
        assert needed <= seen, f"{model.name} comes before {needed - seen}"
        seen.add(model.name)
