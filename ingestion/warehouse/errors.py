"""What can go wrong in the warehouse: a code and fields. The sentence a person reads is made at the edge."""

from __future__ import annotations

from typing import ClassVar

from ingestion.errors import Finding


class WarehouseError(Exception):
    """A failure with a code (`findings.<code>` holds its sentence) and fields; never a customer's data."""

    code: ClassVar[str] = "warehouse_error"
    # Whether it is a judgement on the data (the gate stopped the run) rather than a failure of the run.
    stops: ClassVar[bool] = False

    def __init__(self, **fields: str | int) -> None:
        super().__init__(f"{self.code}: " + ", ".join(f"{key}={value}" for key, value in fields.items()))
        self.fields = fields

    @property
    def finding(self) -> Finding:
        """The error as a finding: what the ledger stores and the edge puts into words."""
        return Finding(self.code, self.fields)


class AnotherRun(WarehouseError):
    """Another process holds the lock of this home. Fields: home."""

    code = "another_run"


class AsOfTooLate(WarehouseError):
    """Numbers were asked for as of an instant that is still to come: fields as_of, limit (both UTC)."""

    code = "as_of_too_late"


class ModelInvalid(WarehouseError):
    """A file of sql/ cannot be built from: fields model, reason."""

    code = "model_invalid"


class ModelFailed(WarehouseError):
    """A model's SQL failed on tonight's data: fields model, reason."""

    code = "model_failed"


class SparkMissing(WarehouseError):
    """The run was to be built by Spark, and there is none: fields missing (pyspark, Java)."""

    code = "spark_missing"


class SparkUnreachable(WarehouseError):
    """No cluster answers where the settings say, or it refuses us: fields master."""

    code = "spark_unreachable"


class SparkLost(WarehouseError):
    """The cluster had no worker left to build with: fields master, seconds (how long it was waited for)."""

    code = "spark_lost"


class SharedUnusable(WarehouseError):
    """The storage shared with Spark cannot be reached or written to: fields location, reason."""

    code = "shared_unusable"


class SharedTaken(WarehouseError):
    """The storage shared with Spark holds another home's files: fields location, owner."""

    code = "shared_taken"


class GrainBroken(WarehouseError):
    """A model has several rows where it promises one: fields model, grain, keys (how many are repeated)."""

    code = "grain_broken"
    stops = True


class PersonalColumn(WarehouseError):
    """A model would publish a personal column to everybody: fields model, column."""

    code = "personal_column"
    stops = True


class SnapshotDamaged(WarehouseError):
    """A snapshot is missing, or its content is not what was published: fields file, reason."""

    code = "snapshot_damaged"


class SnapshotUnknownSchema(WarehouseError):
    """A snapshot's tables are of another version than this program reads: fields run_id, found, known."""

    code = "snapshot_unknown_schema"


class PointerDamaged(WarehouseError):
    """published.json cannot be read: fields file."""

    code = "pointer_damaged"


class NoSuchSnapshot(WarehouseError):
    """No snapshot to go back to: fields run_id (blank: no earlier one), kept."""

    code = "no_such_snapshot"


class NoSuchLoad(WarehouseError):
    """No load with that content hash, or it is retracted already: fields sha256."""

    code = "no_such_load"


class WarehouseBusy(WarehouseError):
    """The warehouse file is being written by a run: fields file."""

    code = "warehouse_busy"


class WarehouseDamaged(WarehouseError):
    """The warehouse file is not one that can be opened, and not because it is in use: fields file, reason."""

    code = "warehouse_damaged"


class WarehouseNewer(WarehouseError):
    """A newer version of this program wrote the warehouse file: fields file, found, known."""

    code = "warehouse_newer"


class NothingToBackUp(WarehouseError):
    """There is no warehouse in that home: fields home."""

    code = "nothing_to_back_up"


class BackupInside(WarehouseError):
    """A backup was to lie in the home that it is a copy of: fields folder, home."""

    code = "backup_inside"


class BackupDamaged(WarehouseError):
    """A backup lacks a file, or one is not what its manifest says: fields folder, file, reason."""

    code = "backup_damaged"


class BackupOlder(WarehouseError):
    """The home has runs that the backup lacks, or cannot be read: fields home, newest, backup (run ids)."""

    code = "backup_older"


class LedgerBroken(WarehouseError):
    """Row accounting does not add up: fields file, rows_read, rows_loaded, rows_quarantined, rows_duplicate."""

    code = "accounting_broken"
    stops = True
