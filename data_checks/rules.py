"""The rules by which files and rows are judged, with their words in both languages.

One entry in sql/checks/*.toml feeds everything: quarantine, `aftercare check`, the Great Expectations suites
and the dictionary. Great Expectations is never imported here: a dry run of one file must start at once.
"""

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from data_checks.contract import SQL, datasets

KINDS = ("file", "record", "cast", "key", "reference", "row", "gate")
SEVERITIES = ("stop", "quarantine", "flag", "warn")
ACCEPT = ("never", "with_reason")


class RuleInvalid(ValueError):
    """An entry of sql/checks is not a rule: the message names the file, the code and what is wrong."""


@dataclass(frozen=True)
class Rule:
    """One reason for which a file, a record or a row is stopped, held back, flagged or warned about.

    fails_when: kind "row" only: a DuckDB predicate over the dataset's typed columns and `as_of_limit`
        (timestamp). TRUE means bad; NULL means there is nothing to judge.
    columns: what the predicate looks at. The first is the offender: findings name it, and it is the instant
        that becomes NULL where a source declares time_order = "flag".
    dataset, columns, fails_when are empty on rules that hold for any dataset.
    is_acceptable: whether a person may accept the failure for one run (`accept = "with_reason"`); by default nobody.
    """

    code: str
    kind: str
    dataset: str
    columns: tuple[str, ...]
    fails_when: str
    severity: str
    label: Mapping[str, str]
    advice: Mapping[str, str]
    time_order: bool = False
    is_acceptable: bool = False

    @property
    def name(self) -> str:
        """Unique among the rules of a dataset: one code may judge several columns."""
        return f"{self.code}.{self.columns[0]}" if self.columns else self.code


@lru_cache(maxsize=1)
def rules() -> dict[str, Rule]:
    """Every reason code with its words; a code that judges several columns appears without a predicate."""
    found: dict[str, Rule] = {}
    for rule in _all_rules():
        if rule.code in found:
            rule = replace(rule, dataset="", columns=(), fails_when="")
        found[rule.code] = rule
    return found


@lru_cache(maxsize=64)
def row_rules(dataset: str) -> tuple[Rule, ...]:
    """The predicates that judge the rows of one dataset, in the order of the files."""
    return tuple(rule for rule in _all_rules() if rule.kind == "row" and rule.dataset == dataset)


@lru_cache(maxsize=1)
def _all_rules() -> tuple[Rule, ...]:
    found: list[Rule] = []
    home: dict[str, str] = {}
    for path in sorted((SQL / "checks").glob("*.toml")):
        for code, entry in tomllib.loads(path.read_text(encoding="utf-8")).items():
            if code in home:
                raise RuleInvalid(f"{path.name}: {code} is already defined in {home[code]}")
            home[code] = path.name
            try:
                found.extend(_rules_of(code, entry))
            except (KeyError, TypeError, ValueError) as error:
                raise RuleInvalid(f"{path.name}: {code}: {error}") from error
    return tuple(found)


def _rules_of(code: str, entry: Mapping[str, Any]) -> Iterator[Rule]:
    """The rules of one entry: itself, one for each of its `names`, or one for each target (`on`)."""
    base = Rule(
        code=code,
        kind=entry["kind"],
        dataset="",
        columns=(),
        fails_when="",
        severity=entry["severity"],
        label=_words(entry["label"]),
        advice=_words(entry["advice"]),
        time_order=entry.get("time_order", False),
        is_acceptable=entry.get("accept", "never") == "with_reason",
    )
    if entry.get("accept", "never") not in ACCEPT:
        raise ValueError(f"no such accept: {entry['accept']}")
    if base.kind not in KINDS or base.severity not in SEVERITIES:
        raise ValueError(f"no such kind or severity: {base.kind}, {base.severity}")
    if "names" in entry:
        yield from (_named(base, column, names) for column, names in entry["names"].items())
    elif base.kind == "row":
        for target in entry["on"]:
            yield from _targeted(base, target)
    else:
        yield base


def _words(entry: Mapping[str, str]) -> dict[str, str]:
    return {"zh": entry["zh"], "en": entry["en"]}


def _named(base: Rule, column: str, names: Mapping[str, str]) -> Rule:
    """`unknown_value` becomes `unknown_<column>`, in which {name} is what people call that column."""
    label = {lang: text.format(name=names[lang]) for lang, text in base.label.items()}
    advice = {lang: text.format(name=names[lang], column=column) for lang, text in base.advice.items()}
    return replace(base, code=f"unknown_{column}", label=label, advice=advice)


def _targeted(base: Rule, target: Mapping[str, Any]) -> Iterator[Rule]:
    """One rule for each target; `each` repeats the predicate for several columns, named {column} in it."""
    dataset = datasets()[target["dataset"]]
    severity = target.get("severity", base.severity)
    for columns in [[column] for column in target["each"]] if "each" in target else [target["columns"]]:
        for column in columns:
            dataset.column(column)
        fails_when = target["fails_when"].format(column=columns[0])
        yield replace(base, dataset=dataset.name, columns=tuple(columns), fails_when=fails_when, severity=severity)
