"""Every column has its words, in both languages, and no word is left behind for a column that is gone."""

import csv
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

SQL = Path(__file__).parent.parent.parent / "sql"
LANGUAGES = {"zh", "en"}


@pytest.fixture(scope="module")
def glossary() -> dict[str, Any]:
    return tomllib.loads((SQL / "glossary.toml").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def columns() -> list[tuple[str, str]]:
    with (SQL / "datasets.csv").open(encoding="utf-8-sig", newline="") as lines:
        return [(row["dataset"], row["column"]) for row in csv.DictReader(lines)]


def entries(glossary: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each dataset ("tickets") and each column ("tickets.status") with its label and meaning."""
    for dataset, words in glossary.items():
        yield dataset, {part: words[part] for part in ("label", "meaning") if part in words}
        for column, own in words.items():
            if column not in ("label", "meaning"):
                yield f"{dataset}.{column}", own


def test_the_glossary_holds_every_dataset_and_column_and_no_other(
    glossary: dict[str, Any], columns: list[tuple[str, str]]
) -> None:
    wanted = {dataset for dataset, _ in columns} | {f"{dataset}.{column}" for dataset, column in columns}
    assert {name for name, _ in entries(glossary)} == wanted


def test_every_entry_speaks_both_languages(glossary: dict[str, Any]) -> None:
    for name, words in entries(glossary):
        assert set(words) == {"label", "meaning"}, name
        for part in words.values():
            assert set(part) == LANGUAGES, name
            assert all(text.strip() for text in part.values()), name


def test_a_meaning_says_more_than_its_label(glossary: dict[str, Any]) -> None:
    for name, words in entries(glossary):
        for language in LANGUAGES:
            meaning = words["meaning"][language].strip(" .。").casefold()
            assert meaning != words["label"][language].casefold(), name


def test_labels_within_a_dataset_are_told_apart(glossary: dict[str, Any]) -> None:
    for dataset, words in glossary.items():
        columns = [own["label"] for column, own in words.items() if column not in ("label", "meaning")]
        for language in LANGUAGES:
            labels = [label[language] for label in columns]
            assert len(labels) == len(set(labels)), dataset
