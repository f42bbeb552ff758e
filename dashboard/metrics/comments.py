"""What customers wrote in surveys, word for word: personal, for who may see it, opened for one look.

What everybody may see of comments, words as counts, is a mart like any other.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dashboard.metrics import arrow
from dashboard.metrics.query import PersonalForbidden, complete_filter, open_people
from ingestion.warehouse import kpi_question
from ingestion.warehouse.kpis import Query

if TYPE_CHECKING:
    import polars as pl

    from dashboard.metrics.access import Scope
    from dashboard.metrics.query import Snapshot
    from ingestion.warehouse.kpis import Filter


def quotes(snapshot: Snapshot, scope: Scope, wanted: Filter, limit: int) -> pl.DataFrame:
    """survey_key, responded_at, is_low_score, comment and slices of the newest comments under the filter.

    Raises:
        PersonalForbidden: the reader may not see personal data.
        PeopleMissing: the file that holds what is personal cannot be opened.
    """
    if not scope.may_see_personal:
        raise PersonalForbidden
    question = kpi_question.Question(
        complete_filter(snapshot, wanted), (), "total", snapshot.last_date, regions=scope.regions
    )
    conditions, binds = kpi_question.slices_of(question, "responded_date", has_region=True)
    sql = f"""
        select survey_key, responded_at, is_low_score, region, tier, product
        from core.fct_surveys
        where has_comment and {" and ".join(conditions)}
        order by responded_at desc, survey_key
        limit ?"""
    found = snapshot.run(Query(sql, (*binds, limit)))
    with open_people(snapshot) as people:
        told = people.sql(
            """select survey_key, string_agg(distinct comment, ' / ' order by comment) as comment
            from people.survey_comments where survey_key in (select unnest(?::varchar[])) group by survey_key""",
            params=[found["survey_key"].to_list()],
        )
        return found.join(arrow.frame(told), on="survey_key", maintain_order="left")
