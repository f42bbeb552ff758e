"""What Spark is told and where its files lie, as far as no Spark need be started to see it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from pydantic import ValidationError

from ingestion.settings import Settings
from ingestion.warehouse import spark_session, spark_storage
from ingestion.warehouse.errors import SharedTaken

if TYPE_CHECKING:
    from pathlib import Path

SECRET = "a-key-that-nobody-shall-read"  # noqa: S105
OPTIONS = {
    "spark.executor.memory": "512m",
    "spark.executor.extraJavaOptions": "-XX:+UseSerialGC",
    "spark.hadoop.fs.s3a.secret.key": SECRET,
}


def test_storage_of_another_home_is_left_alone(tmp_path: Path) -> None:
    place, first, second = tmp_path / "shared", tmp_path / "first", tmp_path / "second"
    spark_storage.open_storage(str(place), tmp_path, None, first)
    (place / "runs" / "of_the_first").mkdir(parents=True)
    with pytest.raises(SharedTaken) as raised:
        spark_storage.open_storage(str(place), tmp_path, None, second)
    assert str(raised.value.fields["owner"]).endswith(str(first))
    spark_storage.sweep(Settings(home=second, spark_shared=str(place)))
    assert (place / "runs" / "of_the_first").exists()
    spark_storage.sweep(Settings(home=first, spark_shared=str(place)))
    assert not (place / "runs").exists()


def test_what_is_half_written_is_not_there(tmp_path: Path) -> None:
    storage = spark_storage.open_storage(str(tmp_path / "shared"), tmp_path, None, tmp_path)

    def break_off(file: Path) -> None:
        file.write_text("half")
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        storage.put(break_off, "raw/tickets", "one.parquet")
    # Spark and DuckDB's patterns pass over such a name, and the next night removes it.
    assert storage.names("raw/tickets") == {"_unfinished_one.parquet"}


@pytest.mark.parametrize("option", ["spark.sql.session.timeZone", "spark.sql.ansi.enabled"])
def test_what_numbers_rest_upon_cannot_be_set(option: str) -> None:
    with pytest.raises(ValidationError, match=option):
        Settings(spark_options={option: "x"})


def test_a_cluster_needs_shared_storage(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AFTERCARE_SPARK_MASTER", "spark://far.away:7077")
    with pytest.raises(ValidationError, match="share"):
        Settings()
    monkeypatch.setenv("AFTERCARE_SPARK_SHARED", "/mnt/aftercare")
    monkeypatch.setenv("AFTERCARE_SPARK_OPTIONS", f'{{"spark.executor.memory": "4g", "a.key": "{SECRET}"}}')
    told = Settings()
    assert told.spark_options["spark.executor.memory"].get_secret_value() == "4g"
    assert SECRET not in repr(told)


def test_a_far_cluster_finds_its_driver_by_itself_and_keys_are_no_arguments(tmp_path: Path) -> None:
    far = Settings(
        spark_master="spark://far.away:7077", spark_shared="/mnt/x", spark_options={"spark.executor.memory": "512m"}
    )
    told = spark_session.configuration("tables", tmp_path, far)
    assert "spark.driver.host" not in told
    assert told["spark.executor.memory"] == "512m"
    assert told["spark.master"] == "spark://far.away:7077"
    at_launch = spark_session.at_launch(told)
    assert set(at_launch) == {"spark.driver.memory", "spark.driver.extraJavaOptions", "spark.master"}
    near = spark_session.configuration("tables", tmp_path, Settings(spark_master="local[3]"))
    assert (near["spark.master"], near["spark.driver.host"]) == ("local[3]", "127.0.0.1")
