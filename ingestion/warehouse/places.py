"""Where everything lies below HOME."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Places:
    """The files and folders of one home; none need exist."""

    home: Path

    @property
    def warehouse(self) -> Path:
        """Raw rows and the run ledger; only the loader opens it for writing."""
        return self.home / "warehouse.duckdb"

    @property
    def snapshots(self) -> Path:
        return self.home / "snapshots"

    @property
    def pointer(self) -> Path:
        """Says which snapshot is published; replacing it is the one act of publishing."""
        return self.home / "published.json"

    @property
    def lock(self) -> Path:
        return self.home / "run.lock"

    @property
    def last_run(self) -> Path:
        """How the last run ended, for who must not open the warehouse (last_run.py)."""
        return self.home / "last_run.json"

    @property
    def logs(self) -> Path:
        return self.home / "logs"

    @property
    def data_docs(self) -> Path:
        """Every check of a run on one page, by run (ingestion/data_docs.py)."""
        return self.home / "data_docs"

    @property
    def mappings(self) -> Path:
        """The owner's own mappings; a source found here wins over the one we ship."""
        return self.home / "mappings"

    @property
    def alert_rules(self) -> Path:
        """The owner's word on who is told what (dashboard/alerts)."""
        return self.home / "alerts.toml"

    @property
    def scratch(self) -> Path:
        """Everything of a run that nobody needs once it ends; emptied when the next one starts."""
        return self.home / "tmp"

    def log(self, run_id: str) -> Path:
        return self.logs / f"{run_id}.log"

    def docs(self, run_id: str) -> Path:
        return self.data_docs / f"{run_id}.html"

    def docs_kept(self) -> list[Path]:
        """The pages there are, the newest first."""
        return sorted(self.data_docs.glob("*.html"), reverse=True)

    def snapshot(self, run_id: str) -> Path:
        return self.snapshots / f"{run_id}.duckdb"

    def people(self, run_id: str) -> Path:
        """Names, phones, addresses and free text of a snapshot, opened only for who may see them."""
        return self.snapshots / f"{run_id}.people.duckdb"

    def record(self, run_id: str) -> Path:
        """Hashes and instants of a snapshot; written last, so a snapshot with a record is complete."""
        return self.snapshots / f"{run_id}.json"

    @property
    def kept_folder(self) -> Path:
        """What the last night built beside its snapshot, for the next one to start from; may be deleted any time."""
        return self.home / "kept"

    def kept(self, run_id: str) -> Path:
        """Staging and the models that are not published, as a night left them."""
        return self.kept_folder / f"{run_id}.duckdb"

    def kept_record(self, run_id: str) -> Path:
        """Hash of that file, and what it was built from."""
        return self.kept_folder / f"{run_id}.json"

    def build(self, run_id: str) -> Path:
        """A snapshot being built: same folder, so that it becomes the snapshot by a rename."""
        return self.snapshots / f".build_{run_id}.duckdb"

    def build_people(self, run_id: str) -> Path:
        return self.snapshots / f".build_{run_id}.people.duckdb"

    def make(self) -> None:
        """Create the folders; harmless where they exist."""
        for folder in (self.home, self.snapshots, self.logs, self.scratch, self.kept_folder):
            folder.mkdir(parents=True, exist_ok=True)
