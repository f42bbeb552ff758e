"""Settings of the loader: environment variables with the prefix AFTERCARE_, overridden by the command line."""

from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, Field
from pydantic_settings import BaseSettings, SettingsConfigDict


def _known_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError) as error:
        # ValueError is the one exception that pydantic turns into a settings error with the field's name.
        raise ValueError(f"{name!r} is not an IANA time zone") from error
    return name


class Settings(BaseSettings):
    """What a run may be told. AFTERCARE_HOME=/data/aftercare sets `home`, and so on."""

    model_config = SettingsConfigDict(env_prefix="AFTERCARE_", extra="ignore", frozen=True)

    home: Path = Path("warehouse")
    """Everything Aftercare writes lies below this folder."""

    business_timezone: Annotated[str, AfterValidator(_known_zone)] = "Asia/Shanghai"
    """Where the business day turns."""

    keep_snapshots: int = Field(default=7, ge=1)
    """How many published snapshots stay for a rollback; the published one always stays."""

    settle_seconds: float = Field(default=60, ge=0)
    """An export changed less than this ago may still be being written."""

    memory_limit: str = Field(default="1500MB", pattern=r"^\d+(\.\d+)?\s*[KMGT]i?B$")
    """What DuckDB may hold in memory before it spills to HOME/tmp."""

    threads: int | None = Field(default=None, ge=1)
    """DuckDB's worker threads; unset means one a core."""
