"""The passport of a number in words: what made it, from which files, what was checked, what was reported before."""

from __future__ import annotations

import json
from math import isclose
from typing import TYPE_CHECKING, Any

import polars as pl
import streamlit as st

from dashboard import formats, restated_words

if TYPE_CHECKING:
    from dashboard.readings import Reading
    from dashboard.session import View
    from ingestion.warehouse.kpis import Kpi

HASH_SHOWN = 12


def show(view: View, kpi: Kpi, reading: Reading) -> None:
    """The facts, the SQL, files, checks and earlier reports. A number that is not there has no passport."""
    if not reading.is_connected or view.unsplit(kpi):
        st.info(view.t(f"states.{reading.state}"))
        return
    told = view.passport(kpi)
    st.caption(view.t("passport.intro"))
    _exact(view, kpi, reading, told["values"])
    _facts(view, told)
    _earlier(view, kpi)
    _files(view, told["files"])
    _checks(view, told["checks"])
    st.markdown(f"**{view.t('passport.sql')}**")
    st.code(told["sql"], language="sql")
    values = ", ".join(str(one["value"]) for one in told["parameters"])
    st.caption(f"{view.t('passport.parameters')}: {values}")
    name = f"{told['kpi']}-{told['run_id']}.json"
    text = json.dumps(told, ensure_ascii=False, indent=1)
    st.download_button(view.t("passport.save"), text, name, "application/json", key=f"passport_{kpi.id}")


def _exact(view: View, kpi: Kpi, reading: Reading, values: list[dict[str, Any]]) -> None:
    """A page reads times of a long fact from cells, within a stated bound; here stands what all units give."""
    exact = values[0]["value"] if len(values) == 1 else None
    if exact is not None and reading.value is not None and not isclose(exact, reading.value, rel_tol=1e-9):
        shown = (formats.value(each, kpi.unit, view.lang) for each in (reading.value, exact))
        st.info(view.t("passport.exact", **dict(zip(("page", "exact"), shown, strict=True))))


def _facts(view: View, told: dict[str, Any]) -> None:
    asked, rows = told["question"], told["rows"]
    models = [model["name"] for model in told["models"]]
    counts = {part: f"{rows[part]['count']:,}" for part in rows}
    facts = {
        "run": f"`{told['run_id']}`",
        "as_of": formats.instant(view.snapshot.as_of, view.zone),
        "snapshot": f"`{told['snapshot']['file']}` · sha256 `{told['snapshot']['sha256'][:HASH_SHOWN]}…`",
        "version": f"`{told['definition_version']}`",
        "period": f"{asked['from']} – {asked['to']}",
        "parts": view.t("passport.parts_text", **counts),
        "models": view.t("passport.models_text", count=len(models), names=", ".join(f"`{each}`" for each in models)),
    }
    st.markdown("\n".join(f"- **{view.t(f'passport.{name}')}**: {text}" for name, text in facts.items()))


def _files(view: View, files: list[dict[str, Any]]) -> None:
    st.markdown(f"**{view.t('passport.files')}**")
    if not files:
        st.caption(view.t("passport.no_files"))
        return
    columns = {
        "source": "source",
        "file": "file",
        "read": "rows_read",
        "loaded": "rows_loaded",
        "held": "rows_quarantined",
        "duplicate": "rows_duplicate",
        "sha256": "sha256",
    }
    rows = [{view.t(f"passport.{word}"): one[name] for word, name in columns.items()} for one in files]
    st.dataframe(pl.DataFrame(rows), hide_index=True, width="stretch")


def _checks(view: View, checks: list[dict[str, Any]]) -> None:
    st.markdown(f"**{view.t('passport.checks')}**")
    if not checks:
        st.caption(view.t("passport.no_checks"))
        return
    failed = [one for one in checks if not one["success"]]
    st.caption(view.t("passport.checks_text", all=len(checks), failed=len(failed)))
    rows = [
        {
            view.t("passport.table"): one["suite"].removeprefix("exports."),
            view.t("passport.column"): one["column_name"],
            view.t("passport.check"): one[f"reason_{view.lang}"],
            view.t("passport.result"): view.t("passport.held_check")
            if one["success"]
            else view.t("passport.failed_check", count=one["unexpected_count"] or formats.MISSING),
        }
        # What failed is read first.
        for one in sorted(checks, key=lambda one: bool(one["success"]))
    ]
    st.dataframe(pl.DataFrame(rows), hide_index=True, width="stretch")


def _earlier(view: View, kpi: Kpi) -> None:
    """Months that read differently from their first report."""
    if view.scope.regions is not None:
        st.caption(view.t("passport.whole_only"))
        return
    found = view.restated(kpi)
    if found is None:
        return
    st.markdown(f"**{view.t('passport.restated')}**")
    moved = found.filter(pl.col("move").abs() > 0) if not found.is_empty() else found
    if moved.is_empty():
        st.caption(view.t("passport.no_moves"))
        return
    st.caption(view.t("passport.restated_note"))
    rows = [
        restated_words.row(view.t, view.lang, kpi, row, view.zone)
        for row in moved.sort("period", descending=True).to_dicts()
    ]
    st.dataframe(pl.DataFrame(rows), hide_index=True, width="stretch")
