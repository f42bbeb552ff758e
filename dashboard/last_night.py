"""What the snapshot itself cannot tell: the run after it that published nothing, and the Data Docs of each run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from dashboard import health, parts, session, words
from ingestion import overrides
from ingestion.warehouse.places import Places

if TYPE_CHECKING:
    from dashboard.session import View
    from ingestion.errors import Finding


def story(view: View) -> None:
    """What stopped the last run, and what to do; nothing where it was published."""
    ended = health.unpublished(session.home())
    if ended is None or not ended[1].stopped_by:
        return
    parts.section(view, "stopped_run")
    told = ended[1].stopped_by
    for finding in told[: parts.LISTED]:
        st.markdown(f"- {words.sentence(view.t, view.lang, finding)}")
    if len(told) > parts.LISTED:
        st.caption(view.t("quality.more_findings", count=len(told) - parts.LISTED))
    st.info(_next_step(view, told), icon=":material/arrow_forward:")


def _next_step(view: View, told: tuple[Finding, ...]) -> str:
    """Whether somebody may answer for publishing all the same, and by which words."""
    checks = list(dict.fromkeys(overrides.check_of(finding) for finding in told))
    never = [check for check in checks if not overrides.may_be_accepted(check)]
    if any(not words.reason(view.lang, check) for check in never):
        # No fault of a file: its own sentence, above, says what to do.
        return view.t("quality.follow_above")
    if never:
        reasons = [words.reason(view.lang, check) or check for check in never]
        return view.t("quality.may_not_accept", checks=view.t("quality.between").join(reasons))
    return view.t("quality.may_accept", options=" ".join(f"--accept {check}" for check in checks))


def docs(view: View) -> None:
    """Every check of one of the recent runs on a page of its own, to open or to send on."""
    parts.section(view, "docs")
    files = {file.stem: file for file in Places(session.home()).docs_kept()}
    if not files:
        st.info(view.t("quality.no_docs"), icon=":material/fact_check:")
        return
    left, right = st.columns([2, 1], vertical_alignment="bottom")
    run_id = left.selectbox(view.labels.column("run_id"), files, key="docs_run")
    right.download_button(
        view.t("quality.docs_download"),
        files[run_id].read_bytes,
        file_name=f"aftercare-{run_id}.html",
        mime="text/html",
        icon=":material/download:",
    )
