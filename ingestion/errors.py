"""Every way in which taking in a file can fail as a whole, and the findings that say less than that.

Fields here, sentences at the edge: dashboard/i18n turns a code and its fields into words. No field holds a
customer's data.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, fields
from difflib import get_close_matches
from typing import ClassVar


@dataclass(frozen=True)
class Finding:
    """Something worth telling about a file: a code of sql/checks and what its sentence needs."""

    code: str
    fields: dict[str, str | int] = field(default_factory=dict)


@dataclass(eq=False)
class IngestionError(Exception):
    """A file that cannot be taken in. Subclasses name the reason; `export` is the file's name."""

    code: ClassVar[str] = "unreadable"
    export: str

    def __post_init__(self) -> None:
        self.others: list[Finding] = []
        """What else is wrong with the same file."""
        self.rows_read = 0
        """Its records, where they could be counted all the same."""

    @property
    def findings(self) -> list[Finding]:
        """Everything known to be wrong with the file, the reason of the failure first."""
        return [self.finding, *self.others]

    @property
    def finding(self) -> Finding:
        """The error as a finding: what the ledger stores and the pages put into words."""
        return Finding(self.code, {name: _plain(value) for name, value in asdict(self).items()})

    def __str__(self) -> str:
        details = ", ".join(f"{item.name}={getattr(self, item.name)!r}" for item in fields(self))
        return f"{self.code}: {details}"


def _plain(value: object) -> str | int:
    if isinstance(value, int):
        return value
    if isinstance(value, dict):
        return ", ".join(f"{theirs} → {alike}" for theirs, alike in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(str(item) for item in value)
    return str(value)


@dataclass(eq=False)
class ExportUnreadable(IngestionError):
    """Damaged, or not readable for this user; `detail` is what the reader said."""

    code: ClassVar[str] = "unreadable"
    detail: str


@dataclass(eq=False)
class FormatUnknown(IngestionError):
    """Neither the name nor source.toml says how the file is to be read."""

    code: ClassVar[str] = "unknown_format"


@dataclass(eq=False)
class PasswordProtected(IngestionError):
    """Encrypted: there is nothing to read without a password."""

    code: ClassVar[str] = "password_protected"


@dataclass(eq=False)
class ExportEmpty(IngestionError):
    """Zero bytes, or nothing but blanks."""

    code: ClassVar[str] = "empty_file"


@dataclass(eq=False)
class WrongFormat(IngestionError):
    """The first bytes say that the content is not what the name or the mapping says."""

    code: ClassVar[str] = "wrong_format"
    expected: str
    found: str


@dataclass(eq=False)
class CorruptGzip(IngestionError):
    """The gzip stream is cut or its checksum is wrong."""

    code: ClassVar[str] = "corrupt_gzip"
    detail: str


@dataclass(eq=False)
class CorruptZip(IngestionError):
    """The zip is damaged, or does not hold exactly one file."""

    code: ClassVar[str] = "corrupt_zip"
    detail: str


@dataclass(eq=False)
class TooLarge(IngestionError):
    """Unpacked, the file would be larger than is taken in, or than such a file can honestly be."""

    code: ClassVar[str] = "too_large"
    unpacked_bytes: int
    limit_bytes: int


@dataclass(eq=False)
class WrongEncoding(IngestionError):
    """The bytes are not in the declared encoding; `likely` is one they do fit, '' if none is known."""

    code: ClassVar[str] = "bad_encoding_file"
    declared: str
    likely: str


@dataclass(eq=False)
class ColumnsMissing(IngestionError):
    """The export lacks columns that its mapping marks as required."""

    code: ClassVar[str] = "missing_column"
    mapping: str
    missing: list[str]
    present: list[str]
    spare: list[str]

    @property
    def nearest(self) -> dict[str, str]:
        """For each missing heading, the most alike one that nothing else uses. Chinese ones are short, hence 0.4."""
        pairs = ((name, get_close_matches(name, self.spare, n=1, cutoff=0.4)) for name in self.missing)
        return {name: alike[0] for name, alike in pairs if alike}

    @property
    def finding(self) -> Finding:
        # Of a file that lost its header the first record stands where the headings should be: none is told but
        # those that are like what is missing.
        told = {name: value for name, value in super().finding.fields.items() if name not in ("present", "spare")}
        return Finding(self.code, {**told, "nearest": _plain(self.nearest)})

    def __str__(self) -> str:
        return f"{self.code}: {self.export} lacks {', '.join(self.missing)}"


@dataclass(eq=False)
class DuplicateColumns(IngestionError):
    """A heading that the mapping uses occurs more than once: there is no telling which one is meant."""

    code: ClassVar[str] = "duplicate_column"
    headings: list[str]


@dataclass(eq=False)
class SheetMissing(IngestionError):
    """The workbook lacks the declared sheet, or several sheets fit and none is declared."""

    code: ClassVar[str] = "missing_sheet"
    sheet: str
    present: list[str]


@dataclass(eq=False)
class SheetTooWide(IngestionError):
    """A cell far away from the others makes a sheet larger than any export; most often it was filled by mistake."""

    code: ClassVar[str] = "sheet_too_wide"
    sheet: str
    rows: int
    columns: int


@dataclass(eq=False)
class CountMismatch(IngestionError):
    """Two independent counts of the records disagree, so records could get lost unnoticed."""

    code: ClassVar[str] = "count_mismatch"
    counted: int
    read: int


@dataclass(eq=False)
class BrokenXml(IngestionError):
    """Cut short or not well formed; `records` are those before the line where reading broke off."""

    code: ClassVar[str] = "broken_xml"
    line: int
    records: int


@dataclass(eq=False)
class XmlDocumentType(IngestionError):
    """A document type can define entities that grow without bound or point at other files; no export needs one."""

    code: ClassVar[str] = "xml_document_type"


@dataclass(eq=False)
class DataThroughMissing(IngestionError):
    """The source says where its data_through stands, and it does not stand there."""

    code: ClassVar[str] = "data_through_missing"
    declared: str


@dataclass(eq=False)
class MappingInvalid(IngestionError):
    """A file under mappings/ is not what this project can read; `export` is that file."""

    code: ClassVar[str] = "mapping_invalid"
    detail: str
    line: int = 0

    @property
    def finding(self) -> Finding:
        plain = super().finding
        return plain if self.line else Finding("mapping_file_invalid", plain.fields)
