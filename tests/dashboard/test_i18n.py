"""Both languages say everything, and every code that can be raised has its sentence."""

from __future__ import annotations

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
    *("nothing_loaded", "check_failed", "accuracy_below_target", "too_many_held_back", "unmapped_column"),
    *("absent_column", "sheet_chosen", "collapsed_differently", "sources_apart", "rows_not_chosen", "none_chosen"),
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
    assert {key for key in zh if fields_of(zh[key]) != fields_of(en[key])} <= {"findings.check_failed"}


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


def test_a_missing_text_or_field_is_an_error() -> None:
    t = translator("en")
    with pytest.raises(TextMissing):
        t("no.such.key")
    with pytest.raises(TextMissing):
        t("cli.samples.done")
    with pytest.raises(TextMissing):
        translator("fr")
