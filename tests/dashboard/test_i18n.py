"""Both languages say everything, and every code that can be raised has its sentence."""

from __future__ import annotations

import dataclasses
import string
from typing import TYPE_CHECKING

import pytest

from dashboard.i18n import LANGUAGES, TextMissing, texts, translator
from dashboard.words import sentence
from data_checks.rules import rules
from ingestion import errors
from ingestion.errors import Finding
from ingestion.warehouse import errors as warehouse_errors

if TYPE_CHECKING:
    from collections.abc import Iterator

# Findings that are no errors, raised by the inbox, landing, gates and publishing.
TOLD = (
    *("unmatched_file", "file_still_changing", "same_content", "retracted_file", "changed_while_reading"),
    "cut_short",
    *("nothing_loaded", "check_failed", "accuracy_below_target", "too_many_held_back", "unmapped_column"),
    *("mostly_held_back", "nothing_found", "no_rows", "hidden_rows", "hidden_columns"),
    *("new_column", "gone_column", "renamed_column"),
    *("absent_column", "sheet_chosen", "collapsed_differently", "sources_apart", "rows_not_chosen", "none_chosen"),
    *("unnamed_cells", "merged_cells", "ambiguous_dates", "swapped_dates", "mapping_file_invalid"),
    *("calendar_gap", "calendar_assumed", "prune_failed"),
)


def fields_of(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


def error_codes() -> Iterator[str]:
    for module, base in ((errors, errors.IngestionError), (warehouse_errors, warehouse_errors.WarehouseError)):
        for each in vars(module).values():
            if isinstance(each, type) and issubclass(each, base):
                yield each.code


def test_both_languages_have_the_same_keys_and_fields() -> None:
    zh, en = texts("zh"), texts("en")
    assert zh.keys() == en.keys()
    by_language = {"findings.check_failed", "findings.counted.check_failed"}
    assert {key for key in zh if fields_of(zh[key]) != fields_of(en[key])} <= by_language


@pytest.mark.parametrize("code", sorted({*error_codes(), *TOLD}))
def test_every_failure_has_a_sentence(code: str) -> None:
    for lang in LANGUAGES:
        assert f"findings.{code}" in texts(lang), f"{code} has no sentence in {lang}"


@pytest.mark.parametrize("code", sorted(rules()))
def test_every_rule_can_be_told_of_a_row(code: str) -> None:
    finding = Finding(code, {"file": "f.csv", "dataset": "tickets", "column": "created_at", "count": 3})
    if f"findings.{code}" in texts("zh"):
        return  # it has a sentence of its own, with fields of its own
    for lang in LANGUAGES:
        assert rules()[code].label[lang] in sentence(translator(lang), lang, finding)


FILE_COUNTS = ("file", "rows_read", "rows_quarantined", "examples")
FIELDS = {
    "no_rows": ("file",),
    "mostly_held_back": (*FILE_COUNTS, "reason_code", "reason_column", "reason_count"),
    "accuracy_below_target": FILE_COUNTS,
    "too_many_held_back": FILE_COUNTS,
    "none_chosen": ("file", "dataset", "rows_read"),
    "rows_not_chosen": ("file", "dataset", "count", "of", "where"),
    "collapsed_differently": ("file", "dataset", "column", "count"),
    "unmapped_column": ("file", "columns"),
    "absent_column": ("file", "columns"),
    "new_column": ("file", "columns"),
    "gone_column": ("file", "columns"),
    "renamed_column": ("file", "columns"),
    "sheet_chosen": ("file", "sheet", "others"),
    "nothing_found": ("folder",),
    "nothing_loaded": (),
    "unmatched_file": ("file",),
    "mapping_file_invalid": ("export", "detail", "line"),
    "file_still_changing": ("file",),
    "same_content": ("file", "other", "source", "feed"),
    "cut_short": ("file", "row"),
    "swapped_dates": ("file", "dataset", "column", "count", "first", "last", "other_first", "other_last"),
    "retracted_file": ("file", "sha256"),
    "changed_while_reading": ("file",),
    "calendar_gap": ("calendar", "days"),
    "calendar_assumed": ("calendar", "days"),
    "prune_failed": ("reason",),
    "check_failed": ("suite", "column", "zh", "en", "check"),
    "sources_apart": (
        *("sources", "earliest", "earliest_through", "as_of", "zone", "tickets_after", "orders_after"),
    ),
}
"""What whoever raises a finding gives with it."""


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("code", sorted(FIELDS))
def test_every_finding_is_told_with_the_fields_it_comes_with(code: str, lang: str) -> None:
    for is_trial in (False, True):
        told = sentence(translator(lang), lang, Finding(code, dict.fromkeys(FIELDS[code], 1)), is_trial=is_trial)
        assert code not in told


@pytest.mark.parametrize("error", errors.IngestionError.__subclasses__())
def test_every_refusal_of_a_file_is_told_with_its_own_fields(error: type[errors.IngestionError]) -> None:
    given = {field.name for field in dataclasses.fields(error)} | {"nearest"}
    for lang in LANGUAGES:
        assert fields_of(texts(lang)[f"findings.{error.code}"]) <= given


def test_what_has_no_words_is_told_by_its_code() -> None:
    for lang in LANGUAGES:
        for finding in (Finding("never_heard_of", {"file": "f.csv"}), Finding("same_content", {"file": "f.csv"})):
            told = sentence(translator(lang), lang, finding)
            assert finding.code in told
            assert "f.csv" in told


@pytest.mark.parametrize("lang", LANGUAGES)
def test_a_trial_never_says_that_something_was_kept(lang: str) -> None:
    kept = ("was loaded", "were loaded", "aftercare quarantine", "照常入库")
    fields = {"file": "f.csv", "rows_read": 9, "rows_quarantined": 1, "dataset": "d", "columns": "c"}
    for code in ("too_many_held_back", "accuracy_below_target", "none_chosen", "unmapped_column"):
        told = sentence(translator(lang), lang, Finding(code, dict(fields)), is_trial=True)
        assert not [words for words in kept if words in told]


def test_a_missing_text_or_field_is_an_error() -> None:
    t = translator("en")
    with pytest.raises(TextMissing):
        t("no.such.key")
    with pytest.raises(TextMissing):
        t("cli.samples.done")
    with pytest.raises(TextMissing):
        translator("fr")
