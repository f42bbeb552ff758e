"""From file to KPI: which exports a number is made of, and by which tables, as the SQL itself says."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

import polars as pl
import streamlit as st

from dashboard import parts, quality, theme
from dashboard.metrics import passport
from ingestion.warehouse.kpis import load_kpis

if TYPE_CHECKING:
    from dashboard.session import View
    from ingestion.warehouse.kpis import Kpi

Reads = Mapping[str, Iterable[str]]
"""Table -> the tables that it is built from."""


def section(view: View) -> None:
    """The way to one KPI, drawn, and its tables one by one."""
    parts.section(view, "lineage")
    frame = quality.later_table(view, "definitions")
    if frame.is_empty():
        st.info(view.t("quality.no_lineage"), icon=":material/account_tree:")
        return
    reads = {name: sources or () for name, sources in frame.select("name", "reads").iter_rows()}
    kpis = {kpi.id: kpi for kpi in load_kpis().values() if kpi.rows in reads}
    chosen = st.selectbox(
        view.t("quality.lineage_of"),
        kpis,
        format_func=lambda kpi_id: kpis[kpi_id].label[view.lang],
        key="lineage_kpi",
    )
    kpi = kpis[chosen]
    st.graphviz_chart(drawing(view, kpi, reads, _files(view)), width="stretch")
    steps = [*between(reads, kpi.rows), kpi.rows]
    with st.expander(view.t("quality.lineage_tables", count=len(steps))):
        told = {"table_name": steps, "reads": [", ".join(sorted(reads.get(step, ()))) for step in steps]}
        parts.table(view, pl.DataFrame(told))


def between(reads: Reads, table: str) -> list[str]:
    """The tables built on the way to one, those it follows from before it."""
    wanted = {*passport.behind(reads, [table])} & {name for name, sources in reads.items() if sources}
    return sorted(wanted - {table, passport.REGISTRY}, key=lambda name: (len(passport.behind(reads, [name])), name))


def drawing(view: View, kpi: Kpi, reads: Reads, files: Mapping[str, int]) -> str:
    """The way from the exports to a KPI in the language of Graphviz: what lies between staging and the KPI's own rows
    is one node, or sixty tables would be drawn."""
    sources = {name.partition(".")[2] for name in passport.behind(reads, [kpi.rows]) if name.startswith("raw.")}
    datasets = [name for name in files if name in sources]
    steps = [name for name in between(reads, kpi.rows) if not name.startswith("staging.")]
    nodes = [(name, _dataset(view, name, files[name]), "box") for name in datasets]
    last = kpi.rows
    if steps:
        nodes.append(("steps", view.t("quality.lineage_steps", count=len(steps)), "box3d"))
    nodes += [("rows", last, "cylinder"), ("kpi", kpi.label[view.lang], "ellipse")]
    middle = "steps" if steps else "rows"
    edges = [(name, middle) for name in datasets] + ([("steps", "rows")] if steps else []) + [("rows", "kpi")]
    drawn = [
        f'"{name}" [label={json.dumps(label, ensure_ascii=False)}, shape={shape}];' for name, label, shape in nodes
    ]
    drawn += [f'"{begin}" -> "{end}";' for begin, end in edges]
    style = f'color="{theme.BLUE}", fontname="sans-serif", fontsize=12'
    graph = f"rankdir=LR; nodesep=0.1; ranksep=0.9; bgcolor=transparent; node [{style}]; edge [{style}];"
    return f"digraph {{ {graph} {' '.join(drawn)} }}"


def _dataset(view: View, name: str, count: int) -> str:
    return view.t("quality.lineage_files", name=view.labels.datasets([name]), count=count)


def _files(view: View) -> dict[str, int]:
    """How many files each export has come in; those that nobody connected are left out."""
    brought = view.meta("load_datasets").filter(pl.col("row_count") > 0)
    return dict(brought.group_by("dataset").agg(pl.col("load_id").n_unique()).sort("dataset").iter_rows())
