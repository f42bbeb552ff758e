"""Names of dimensions and of their values in the reader's language.

A business names its own tiers, channels and regions in sql/policies; the few values that this program
itself defines (business, consumer, unknown …) are named in the language files; anything else is shown
as the source wrote it.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from dashboard.i18n import LANGUAGES
from ingestion.warehouse.kpis import SQL_DIR

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from dashboard.i18n import Translate
    from ingestion.warehouse.kpis import Kpi
    from ingestion.warehouse.views import View


OURS: Final = "ours"
"""The document of what no source document asks for."""
_POLICIES: Final = {"tier": "tiers.csv", "region": "regions.csv", "channel": "channels.csv"}
_SAME_VALUES: Final = {
    "tier_from": "tier",
    "tier_to": "tier",
    "tier_now": "tier",
    "dimension": "survey_dimension",
}


@dataclass(frozen=True)
class Labels:
    lang: str
    t: Translate

    def dimension(self, name: str) -> str:
        return self._word(f"dimensions.{name}", name)

    def datasets(self, names: Iterable[str]) -> str:
        """Datasets in a row: “工单、投诉”."""
        return self.t("parts.and").join(self.dataset(name) for name in names)

    def dataset(self, name: str) -> str:
        """A dataset, or a feed, which mostly bears the name of what it brings."""
        return self._word(f"datasets.{name}", name)

    def column(self, name: str) -> str:
        """The heading of a table's column."""
        return self._word(f"columns.{name}", self._word(f"dimensions.{name}", name))

    def owner(self, team: str) -> str:
        """The team that answers for a definition."""
        return self._word(f"owners.{team}", team)

    def source(self, one: Kpi | View) -> str:
        """Where a KPI or a view was asked for: document and sentence."""
        document = self.t("owners.ours") if one.document == OURS else one.document
        return f"{document} {one.quote}"

    def tiers(self) -> list[str]:
        """All tiers from lowest to highest, then "unknown"."""
        return [*_policy_labels("tier", self.lang).values(), self.t("values.unknown")]

    @staticmethod
    def code(value: object) -> str:
        """A dimension's value as a filter and a link write it."""
        return str(value).lower() if isinstance(value, bool) else str(value)

    def value(self, dimension: str, value: object) -> str:
        text = self.code(value)
        if value is None or text == "unknown":
            return self.t("values.unknown")
        if dimension == "feed":
            return self.dataset(text)
        name = _SAME_VALUES.get(dimension, dimension)
        named = _policy_labels(name, self.lang).get(text)
        return named or self._word(f"values.{name}.{text}", text)

    def _word(self, key: str, otherwise: str) -> str:
        try:
            word = self.t(key)
        except KeyError:
            return otherwise
        return otherwise if word == key else word


def named(dimension: str) -> dict[str, str]:
    """What the policies call the values of a dimension, in every language -> the value itself."""
    return {label: value for lang in LANGUAGES for value, label in _policy_labels(dimension, lang).items()}


def is_duration(column: str) -> bool:
    """Columns in seconds say so in their name."""
    return "seconds" in column.split("_")


@lru_cache(maxsize=16)
def _policy_labels(dimension: str, lang: str) -> Mapping[str, str]:
    path = SQL_DIR / "policies" / _POLICIES.get(dimension, "")
    if dimension not in _POLICIES or not path.is_file():
        return {}
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    return {row[dimension]: row[f"label_{lang}"] for row in rows if row.get(f"label_{lang}")}
