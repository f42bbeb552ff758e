"""What the KPI tests on real sets share: what is published, and the statistics by other libraries than ours."""

from datetime import date
from typing import Any

import pandas as pd
from lifelines import KaplanMeierFitter
from statsmodels.stats.proportion import proportion_confint

from dashboard.metrics import query
from dashboard.metrics.access import Scope
from ingestion.warehouse.kpis import Filter, load_kpis

ONE_HALF = 0.5 + 1e-9
"""The tolerance is the rule for an S of exactly one half, in floating point."""
NEAR = {"abs": 1e-9, "rel": 1e-9}


def between(first: str, last: str) -> Filter:
    return Filter(date.fromisoformat(first), date.fromisoformat(last))


def published(
    snapshot: query.Snapshot, kpi: str, dates: Filter, by: tuple[str, ...] = (), period: str = "total"
) -> list[dict[str, Any]]:
    return query.values(snapshot, Scope.everything(), load_kpis()[kpi], dates, by, period).to_dicts()


def total(snapshot: query.Snapshot, kpi: str, dates: Filter) -> dict[str, Any]:
    (value,) = published(snapshot, kpi, dates)
    return value


def parts(value: dict[str, Any]) -> tuple[Any, ...]:
    """Numerator, denominator and the 95 % interval."""
    return tuple(value[column] for column in ("numerator", "denominator", "lower", "upper"))


def share(numerator: int, denominator: int) -> tuple[Any, ...]:
    """The same of a share, by Wilson."""
    return (numerator, denominator, *proportion_confint(numerator, denominator, method="wilson"))


def survival(durations: pd.Series, is_event: pd.Series) -> KaplanMeierFitter:
    return KaplanMeierFitter().fit(durations, is_event)


def medians(curve: KaplanMeierFitter) -> tuple[float, float, float]:
    """The first duration at which S has fallen to one half, and the same of its band."""
    band = curve.confidence_interval_
    curves = (curve.survival_function_["KM_estimate"], band["KM_estimate_lower_0.95"], band["KM_estimate_upper_0.95"])
    return tuple(float(one.index[one <= ONE_HALF].min()) for one in curves)  # type: ignore[return-value]
