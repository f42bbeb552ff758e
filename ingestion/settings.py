"""Settings of the loader: environment variables with the prefix AFTERCARE_, overridden by the command line."""

from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field, SecretStr, ValidationInfo
from pydantic_settings import BaseSettings, SettingsConfigDict

from ingestion import usage
from ingestion.reader_settings import BUSINESS_TIMEZONE, FRESH_WITHIN_HOURS, HOME, PREFIX, known_zone

_LEAST_MIB, _MOST_MIB = 1024, 4096


def _settable(options: dict[str, SecretStr]) -> dict[str, SecretStr]:
    from ingestion.warehouse.spark_session import FIXED

    if fixed := sorted(options.keys() & FIXED.keys()):
        raise ValueError(f"numbers and logs rest upon {', '.join(fixed)}, which cannot be set")
    return options


def _shared_where_needed(place: str | None, known: ValidationInfo) -> str | None:
    if place is None and not str(known.data.get("spark_master", "local")).startswith("local"):
        raise ValueError("a cluster needs a folder or URL that its machines and this one share")
    return place


def _usual_memory() -> str:
    half = usage.machine_memory() // 2 // usage.MIB
    return f"{max(_LEAST_MIB, min(_MOST_MIB, half))}MiB"


class Settings(BaseSettings):
    """What a run may be told. AFTERCARE_HOME=/data/aftercare sets `home`, and so on."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="ignore", frozen=True)

    home: Path = HOME
    """Everything Aftercare writes lies below this folder."""

    business_timezone: Annotated[str, AfterValidator(known_zone)] = BUSINESS_TIMEZONE
    """Where the business day turns."""

    keep_snapshots: int = Field(default=7, ge=1)
    """How many published snapshots stay for a rollback; the published one always stays."""

    keep_days: int = Field(default=7, ge=0)
    """How many days back the last snapshot of each day stays as well, however often a run publishes."""

    fresh_within_hours: float = Field(default=FRESH_WITHIN_HOURS, gt=0, allow_inf_nan=False)
    """The promise: data older than this (by as_of) are told as overdue, by pages, `status --check` and /healthz. The
    data of a nightly load are a day old just before the next one; half a day more means that a night was missed."""

    settle_seconds: float = Field(default=60, ge=0)
    """An export changed less than this ago may still be being written."""

    memory_limit: str = Field(default_factory=_usual_memory, pattern=r"^\d+(\.\d+)?\s*[KMGT]i?B$")
    """What DuckDB may hold in memory before it spills to HOME/tmp; the whole run takes up to 1 GB more. Unset means
    half of what the machine has, from 1 to 4 GB: beyond that a night gets no faster."""

    threads: int | None = Field(default=None, ge=1)
    """DuckDB's worker threads; unset means one a core."""

    spark_master: str = "local"
    """Which Spark builds under --engine spark: `local`, in a process of this machine, or a cluster's URL."""

    spark_shared: Annotated[str | None, AfterValidator(_shared_where_needed)] = Field(
        default=None, validate_default=True
    )
    """Where that Spark's machines and this one both read and write: a folder, or a URL (s3a://bucket/path). Raw rows
    are kept there between nights. Unset, a local Spark is given everything anew each night."""

    spark_options: Annotated[dict[str, SecretStr], AfterValidator(_settable)] = Field(default_factory=dict)
    """More options of Spark: {"spark.executor.memory": "4g"}. Never told by any log."""

    spark_wait_seconds: float = Field(default=120, ge=1)
    """How long a build waits for a worker while the cluster has none."""
