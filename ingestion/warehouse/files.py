"""Small files that others read while they are replaced: whole before, whole after, and on disk."""

from __future__ import annotations

import hashlib
import json
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


def write_synced(file: Path, told: Mapping[str, object]) -> None:
    """Write a JSON file that nobody reads yet, and have it on disk."""
    with file.open("w", encoding="utf-8") as draft:
        json.dump(told, draft, indent=1)
        draft.flush()
        os.fsync(draft.fileno())


def write_json(file: Path, told: Mapping[str, object]) -> None:
    """Replace a JSON file in one act."""
    draft = file.with_name(f"{file.name}.tmp")
    write_synced(draft, told)
    draft.replace(file)


def sync_folder(folder: Path) -> None:
    """Have the names of a folder on disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sha256(file: Path) -> str:
    """Hash of a file's content."""
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()
