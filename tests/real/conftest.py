"""Homes built once a session from the real data sets: the whole night, from export to published snapshot."""

import os
import shutil
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

import pytest

from dashboard.metrics import query
from ingestion import pipeline
from ingestion.settings import Settings
from ingestion.warehouse import models
from tests.gates import open_gate
from tests.made_once import made_once
from tests.real.exports import OWNED, OWNED_EXPORTS, RENAMED

DATE_FORMAT = "%d/%m/%Y %H:%M"
# Sources whose real sets the gate judges in every run: a log of events, a shop, a workbook, a helpdesk's tables.
JUDGED = ("xes", "olist", "superstore_cn", "zendesk")
MAY_FIRST = datetime(2016, 5, 1)


EVENTS = """-- Every event, as read.
-- grain: ticket_key, event_seq, occurred_at, event_type
select * from staging.stg_ticket_events
"""


@contextmanager
def nothing_kept() -> Iterator[None]:
    """Publishes what is else only built, and each event: here what lies behind the figures is looked at too."""
    events = models.parse_model("core.fct_ticket_events", EVENTS)
    built = [replace(model, is_published=model.schema != "staging") for model in models.load_models()]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(models, "load_models", lambda: (*built, events))
        yield


@pytest.fixture(scope="session")
def shared_dir() -> Path:
    """The folder that holds the real data sets; without it these tests skip, or fail where `real` is required."""
    folder = Path(os.environ.get("AFTERCARE_REAL_DATA", Path(__file__).parents[3] / "shared"))
    if (folder / "data").is_dir():
        return folder
    reason = f"no real data sets at {folder}: set AFTERCARE_REAL_DATA"
    if "real" in os.environ.get("AFTERCARE_REQUIRE", "").split(","):
        pytest.fail(reason)
    pytest.skip(reason)
    return folder


@pytest.fixture(scope="session")
def night(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., query.Snapshot]:
    """Runs one night on copies of some files of a source, once for all workers, and opens what was published.

    is_judged: by the real gate. A few sets of each kind are in every run, all of them where AFTERCARE_TEST_GATE is
    "all"; an account written by a test need not be.
    """
    judges_all = os.environ.get("AFTERCARE_TEST_GATE") == "all"

    def run(
        source: str, *files: Path, as_of: datetime | None = None, is_judged: bool | None = None
    ) -> query.Snapshot:
        is_real = (judges_all or source in JUDGED) if is_judged is None else is_judged

        def make(base: Path) -> None:
            inbox = base / "exports" / source
            inbox.mkdir(parents=True)
            for file in files:
                shutil.copy2(file, inbox)
            with nothing_kept(), nullcontext() if is_real else open_gate():
                outcome = pipeline.run(base / "exports", Settings(home=base / "home", settle_seconds=0), as_of=as_of)
            assert outcome.verdict == "published", outcome.findings

        told = (as_of, is_real, [(file.name, sha256(file.read_bytes()).hexdigest()) for file in files])
        name = f"{source}_{sha256(repr(told).encode()).hexdigest()[:12]}"
        snapshot = query.open_snapshot(made_once(tmp_path_factory, name, make) / "home")
        assert snapshot is not None
        return snapshot

    return run


def _copy(file: Path, inbox: Path) -> None:
    """An export into the folder of its source; text parted by blanks is first saved as CSV, as its owner has to."""
    if file.suffix != ".txt":
        shutil.copy2(file, inbox / RENAMED.get(file.name, file.name))
        return
    lines = [",".join(line.split()) for line in file.read_text(encoding="utf-8").splitlines()]
    (inbox / f"{file.stem}.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")


@pytest.fixture(scope="session")
def owned_night(shared_dir: Path) -> Callable[..., query.Snapshot]:
    """Runs one night on real exports, with the owner's mappings of that source in HOME/mappings."""

    def run(source: str, *files: str, base: Path) -> query.Snapshot:
        inbox, home = base / "exports" / source, base / "home"
        inbox.mkdir(parents=True)
        shutil.copytree(OWNED / source, home / "mappings" / source)
        for file in files:
            _copy(shared_dir / "data" / file, inbox)
        with open_gate():
            outcome = pipeline.run(base / "exports", Settings(home=home, settle_seconds=0))
        assert outcome.verdict == "published", outcome.findings
        snapshot = query.open_snapshot(home)
        assert snapshot is not None
        return snapshot

    return run


@pytest.fixture(scope="session")
def owned_snapshot(
    owned_night: Callable[..., query.Snapshot], tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], query.Snapshot]:
    """One night a source, run when it is first asked for; workers of one test run share what it published."""

    def snapshot(source: str) -> query.Snapshot:
        def make(base: Path) -> None:
            owned_night(source, *OWNED_EXPORTS[source], base=base)

        published = query.open_snapshot(made_once(tmp_path_factory, f"owned_{source}", make) / "home")
        assert published is not None
        return published

    return snapshot


@pytest.fixture(scope="session")
def incident_log(shared_dir: Path) -> Path:
    return shared_dir / "data" / "itsm_incident_log" / "incident_event_log.zip"


@pytest.fixture(scope="session")
def incident_log_of_may_first(incident_log: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The log as an export on 1 May 2016 would have shown it: later changes and later ends are not known yet."""
    export = tmp_path_factory.mktemp("may_first") / "incident_event_log-2016-05-01.csv"
    with zipfile.ZipFile(incident_log) as archive:
        lines = archive.read("incident_event_log.csv").decode().splitlines()
    heading = lines[0].split(",")
    changed, ends = heading.index("sys_updated_at"), [heading.index(name) for name in ("resolved_at", "closed_at")]

    def is_known(text: str) -> bool:
        return text != "?" and datetime.strptime(text, DATE_FORMAT).replace(tzinfo=UTC) <= MAY_FIRST.replace(
            tzinfo=UTC
        )

    kept = [lines[0]]
    for cells in (line.split(",") for line in lines[1:]):
        if is_known(cells[changed]):
            for end in ends:
                cells[end] = cells[end] if is_known(cells[end]) else "?"
            kept.append(",".join(cells))
    export.write_text("\n".join(kept) + "\n", encoding="utf-8")
    return export


@pytest.fixture(scope="session")
def servicenow(night: Callable[..., query.Snapshot], incident_log: Path) -> query.Snapshot:
    return night("servicenow", incident_log)


@pytest.fixture(scope="session")
def servicenow_in_may(night: Callable[..., query.Snapshot], incident_log_of_may_first: Path) -> query.Snapshot:
    return night("servicenow", incident_log_of_may_first, is_judged=False)


@pytest.fixture(scope="session")
def servicenow_as_of_may(night: Callable[..., query.Snapshot], incident_log: Path) -> query.Snapshot:
    """The whole log, looked at as of 1 May."""
    return night("servicenow", incident_log, as_of=MAY_FIRST, is_judged=False)


@pytest.fixture(scope="session")
def event_log(night: Callable[..., query.Snapshot], shared_dir: Path) -> query.Snapshot:
    return night("xes", shared_dir / "data" / "helpdesk_italy" / "helpdesk.xes.gz")


@pytest.fixture(scope="session")
def olist(night: Callable[..., query.Snapshot], shared_dir: Path) -> query.Snapshot:
    folder = shared_dir / "data" / "olist_sample_a"
    feeds = ("orders", "customers", "order_items", "products", "order_reviews")
    return night("olist", *(folder / f"olist_{feed}_dataset.csv" for feed in feeds))


@pytest.fixture(scope="session")
def superstore_folder(shared_dir: Path) -> Path:
    return shared_dir / "data" / "cn_superstore"


@pytest.fixture(scope="session")
def superstore_workbook(night: Callable[..., query.Snapshot], superstore_folder: Path) -> query.Snapshot:
    return night("superstore_cn", superstore_folder / "示例 - 超市.xls")


@pytest.fixture(scope="session")
def superstore_list(night: Callable[..., query.Snapshot], superstore_folder: Path) -> query.Snapshot:
    """The edited list in a home of its own: it repeats the workbook's lines with other dates."""
    return night("superstore_cn", superstore_folder / "商城详细销售数据.csv")
