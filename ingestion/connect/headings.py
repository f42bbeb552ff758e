"""How alike a heading is to those usual for each of our columns, in Chinese and English (headings.csv)."""

from __future__ import annotations

import csv
import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from rapidfuzz import fuzz

from data_checks.contract import datasets

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

HEADINGS = Path(__file__).parent / "headings.csv"
# The same word for word; the same but for its ending (编号, No., ID); with the name of the thing in front.
SAME, SAME_STEM, NAMED_AFTER = 1.0, 0.97, 0.98
# Mere likeness is never as good as a word that is known, and an id is not a time however alike they sound.
ALIKE, OTHER_KIND = 0.95, 0.85
FAMILIAR = 0.9
_CJK = "㐀-鿿"
_REMARK = re.compile(r"[(\[【{<〔][^)\]】}>〕]*[)\]】}>〕]")
_ID_ENDING = re.compile(
    r"(?:编号|单号|号码|代码|编码|流水号|号|(?<![a-z])(?:id|no|num|number|nr|code|key|ref|uuid))$"
)
_TIME_ENDING = re.compile(
    r"(?:时间|日期|时刻|(?<![a-z])(?:date time|datetime|timestamp|time|date|dt|at|on|ts|utc))+$"
)
_TIME_FRONT = re.compile(r"^(?:date time|datetime|timestamp|date|time) (?:of )?(?=\w)")
_THINGS: Mapping[str, tuple[str, ...]] = {
    "tickets": (
        "工单",
        "服务单",
        "报修单",
        "受理单",
        "ticket",
        "case",
        "incident",
        "issue",
        "conversation",
        "request",
    ),
    "ticket_events": ("工单", "事件", "event", "activity", "ticket", "case"),
    "customers": ("客户", "会员", "用户", "customer", "account", "contact", "client", "member", "user", "company"),
    "orders": ("订单", "销售单", "order", "sales order", "purchase"),
    "order_items": ("订单", "明细", "商品", "order item", "line item", "order", "item"),
    "products": ("产品", "商品", "物料", "product", "item", "sku"),
    "assets": ("设备", "资产", "产品", "asset", "device", "equipment"),
    "complaints": ("投诉单", "投诉", "客诉", "complaint", "case"),
    "surveys": ("回访", "问卷", "调查", "满意度", "survey", "response", "feedback"),
    "survey_answers": ("回访", "问卷", "survey", "answer", "response"),
    "visits": ("上门", "派工单", "派单", "服务单", "visit", "appointment", "work order", "field service"),
    "calls": ("通话", "话务", "call"),
    "chat_sessions": ("会话", "chat", "session"),
    "staff": ("员工", "人员", "staff", "agent", "employee", "user"),
}


@dataclass(frozen=True)
class Spelling:
    """A heading in comparable form: whole, its stem without the ending, and what kind the ending says it is."""

    whole: str
    stem: str
    kind: str


@lru_cache(maxsize=1)
def usual_headings() -> dict[str, dict[str, tuple[Spelling, ...]]]:
    """Dataset -> column -> spellings: those of headings.csv, and the column's own name."""
    known: dict[str, dict[str, dict[Spelling, None]]] = {
        name: {column.name: {spelling(column.name): None} for column in dataset.columns}
        for name, dataset in datasets().items()
    }
    with HEADINGS.open(encoding="utf-8", newline="") as lines:
        for row in csv.DictReader(lines):
            for name in [row["dataset"]] if row["dataset"] != "*" else known:
                if row["our_column"] in known[name]:
                    known[name][row["our_column"]][spelling(row["heading"])] = None
    return {name: {column: tuple(all) for column, all in columns.items()} for name, columns in known.items()}


def normalised(heading: str) -> str:
    """Without width, case, punctuation and remarks in brackets; words of Latin letters one blank apart."""
    text = unicodedata.normalize("NFKC", heading)
    text = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", text).casefold()
    text = _REMARK.sub(" ", text) if _REMARK.sub(" ", text).strip() else text
    text = re.sub(r"[\W_]+", " ", text).strip()
    return re.sub(rf"(?<=[{_CJK}]) | (?=[{_CJK}])", "", text)


@lru_cache(maxsize=4096)
def spelling(heading: str) -> Spelling:
    return _spelled(normalised(heading))


def _spelled(whole: str) -> Spelling:
    if found := _ID_ENDING.search(whole):
        return Spelling(whole, whole[: found.start()].strip(), "id")
    if found := _TIME_ENDING.search(whole):
        return Spelling(whole, whole[: found.start()].strip(), "time")
    if found := _TIME_FRONT.search(whole):
        return Spelling(whole, whole[found.end() :].strip(), "time")
    return Spelling(whole, whole, "")


@lru_cache(maxsize=65_536)
def likeness(heading: str, dataset: str, column: str) -> float:
    """0 to 1: how likely this heading means this column, by its words alone."""
    known = usual_headings()[dataset][column]
    tried = [*_variants(heading, dataset)]
    return max((share * _alike(mine, theirs) for mine, share in tried for theirs in known), default=0.0)


def familiar(headings: Iterable[str]) -> int:
    """How many headings are usual ones of the dataset that knows the most of them."""
    names = list(dict.fromkeys(headings))
    return max(
        sum(any(likeness(name, dataset, column) >= FAMILIAR for column in columns) for name in names)
        for dataset, columns in usual_headings().items()
    )


def _variants(heading: str, dataset: str) -> Iterator[tuple[Spelling, float]]:
    """The heading itself, the parts of a path (时间/创建, requester.id), and without the thing's name in front."""
    yield spelling(heading), 1.0
    parts = [part.strip() for part in re.split(r"[/.:|>\n]| - ", heading) if part.strip()]
    whole = [(heading, 1.0)]
    if len(parts) > 1:
        whole += [("".join(parts), 0.99), (" ".join(reversed(parts)), 0.98), (parts[-1], 0.97)]
    for text, share in whole:
        if text != heading:
            yield spelling(text), share
        plain = normalised(text)
        for thing in _THINGS.get(dataset, ()):
            rest = plain.removeprefix(thing).strip()
            if rest and rest != plain:
                yield _spelled(rest), share * NAMED_AFTER


def _alike(mine: Spelling, theirs: Spelling) -> float:
    if mine.whole == theirs.whole:
        return SAME
    if mine.stem == theirs.stem and mine.kind == theirs.kind and mine.stem:
        return SAME_STEM
    if min(len(mine.stem), len(theirs.stem)) < 2:  # one letter is like anything
        return 0.0
    ratio = fuzz.ratio if re.search(f"[{_CJK}]", mine.stem + theirs.stem) else _words_ratio
    return ratio(mine.stem, theirs.stem) / 100 * ALIKE * (1.0 if mine.kind == theirs.kind else OTHER_KIND)


def _words_ratio(mine: str, theirs: str) -> float:
    """Words count wherever they stand, and one that only one side has counts against it, but not fully."""
    return (fuzz.token_sort_ratio(mine, theirs) + fuzz.token_set_ratio(mine, theirs)) / 2
