"""A restated month in words, alike on the page and the command line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dashboard import formats
from dashboard.metrics.restated import CAUSES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dashboard.i18n import Translate
    from ingestion.warehouse.kpis import Kpi


def row(t: Translate, lang: str, kpi: Kpi, told: Mapping[str, Any], zone: str) -> dict[str, str]:
    """Reported when, the value then and now, and every cause in the KPI's unit."""

    def moved(amount: float | None) -> str:
        return formats.MISSING if not amount else formats.change(amount, 0, kpi.unit, lang)

    return {
        t("restated.period"): f"{told['period']:%Y-%m}",
        t("restated.reported_as_of"): formats.instant(told["reported_as_of"], zone),
        t("restated.reported_value"): formats.value(told["reported_value"], kpi.unit, lang),
        t("restated.value"): formats.value(told["value"], kpi.unit, lang),
        t("restated.move"): moved(told["move"]),
        **{t(f"restated.causes.{cause}"): moved(told[cause]) for cause in CAUSES},
    }
