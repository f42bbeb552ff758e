"""What the tables meta.* of the fake read side hold: targets, and the records of one night."""

from dataclasses import fields
from datetime import UTC, datetime, timedelta

import polars as pl

from ingestion.warehouse.feeds import Feed

AS_OF = datetime(2025, 6, 30, 16, 0)
_SINCE = ("R1", 0.0, None, None)
_COPIED = ("R1", 0.0, "helpdesk/calls-0630.csv", "R2")
_LOADED = datetime(2025, 7, 1, 1, 0, tzinfo=UTC).replace(tzinfo=None)
META = {
    "targets": pl.DataFrame(
        {
            "kpi": ["sla_response_met", "dispatch_within_1h", "dispatch_within_1h", "csat", "csat"],
            "scope_dimension": [None, None, "channel", None, "is_vip"],
            "scope_value": [None, None, "chat", None, "true"],
            "stage": [None, None, None, "3", "3"],
            "kind": ["absolute", "absolute", "absolute", "relative", "relative"],
            "value": ["0.90", "0.80", "0.99", "0.40", "0.40"],
            "operator": [">="] * 5,
            "due_month": [None, None, None, "12", "12"],
            "valid_from": ["2000-01-01"] * 5,
            "valid_to": [None] * 5,
            "document": ["000", "001", "001", "001", "001"],
            "quote": ["响应及时率", "派单≤1小时", "派单≤1小时", "评分提升40%", "评分提升40%"],
        },
        schema_overrides={"valid_to": pl.String},
    ),
    "loads": pl.DataFrame(
        {
            "source": ["sample"],
            "feed": ["tickets"],
            "file": ["tickets-2025-06-30.csv"],
            "rows_read": [1_000],
            "rows_loaded": [985],
            "rows_quarantined": [10],
            "rows_duplicate": [5],
            "state": ["loaded"],
            "loaded_at": [_LOADED],
        }
    ),
    "quarantine": pl.DataFrame(
        {
            "load_id": ["L1"] * 3,
            "source": ["sample"] * 3,
            "feed": ["tickets"] * 3,
            "file": ["tickets-2025-06-30.csv"] * 3,
            "dataset": ["tickets"] * 3,
            "source_row": [3, 9, 12],
            "column_name": ["ticket_id", "created_at", "created_at"],
            "code": ["bad_id", "bad_datetime", "bad_datetime"],
        }
    ),
    "released": pl.DataFrame(
        {
            "source_row": [4, 5],
            "code": ["bad_id", "orphan_customer"],
            "released_load": ["20250701T000000-001", None],
            "released_at": [_LOADED] * 2,
        }
    ),
    "overrides": pl.DataFrame(
        {
            "run_id": ["20250701T000000"],
            "load_id": ["20250701T000000-001"],
            "code": ["accuracy_below_target"],
            "subject": ["tickets-2025-06-30.csv"],
            "because": ["三天的记录随旧系统丢失，见会议纪要"],
            "accepted_by": ["li"],
            "accepted_at": [_LOADED],
        }
    ),
    "failed_checks": pl.DataFrame(
        [
            ("R1", "volume_unusual", "core.fct_orders", "warn", 1),
            ("R2", "volume_unusual", "core.fct_orders", "warn", 4),
            ("R1", "does_not_reconcile", "marts.mart_orders_daily", "stop", 2),
        ],
        schema=["run_id", "code", "suite", "severity", "unexpected_count"],
        orient="row",
    ),
    "volumes": pl.DataFrame(
        [
            *(("R1", "core.fct_orders", 200), ("R1", "core.fct_old", 5), ("R1", "core.fct_tickets", 100)),
            *(("R2", "core.fct_orders", 100), ("R2", "core.fct_new", 7), ("R2", "core.fct_tickets", 101)),
            ("R0", "core.fct_orders", 1),
        ],
        schema=["run_id", "model", "row_count"],
        orient="row",
    ),
    "load_datasets": pl.DataFrame(
        {
            "load_id": ["L1", "L2", "L3", "L3"],
            "dataset": ["tickets", "tickets", "surveys", "orders"],
            "row_count": [10, 5, 3, 0],
        }
    ),
    "drift": pl.DataFrame(
        [
            ("R1", "gone_column", '{"file": "tickets-0629.csv", "columns": "region"}'),
            ("R2", "renamed_column", '{"file": "visits-0630.csv", "columns": "派单时间 → 派工时间"}'),
        ],
        schema=["run_id", "code", "fields"],
        orient="row",
    ),
    "feeds": pl.DataFrame(
        [
            ("helpdesk", "tickets", "tickets-0630.csv", datetime(2025, 6, 30, 16), 86_400.0, 7, *_SINCE, True),
            ("helpdesk", "surveys", "surveys-0627.csv", datetime(2025, 6, 27, 16), 90_000.0, 7, *_SINCE, True),
            ("helpdesk", "calls", "calls-0626.csv", datetime(2025, 6, 26, 16), 90_000.0, 7, *_COPIED, True),
            ("crm", "leads", "leads-0613.csv", datetime(2025, 6, 13, 16), 90_000.0, 7, *_SINCE, False),
            ("crm", "products", "products.csv", datetime(2025, 6, 1, 16), None, 0, *_SINCE, True),
        ],
        schema=[field.name for field in fields(Feed)],
        orient="row",
    ),
    "definitions": pl.DataFrame(
        [
            ("staging.stg_tickets", "a1", ["raw.tickets", "raw.run"]),
            ("staging.stg_surveys", "a2", ["raw.surveys"]),
            ("core.fct_tickets_own", "a3", ["staging.stg_tickets"]),
            ("core.fct_surveys", "a4", ["staging.stg_surveys", "core.fct_tickets_own"]),
            ("core.fct_tickets", "a5", ["core.fct_tickets_own"]),
            ("raw.targets", "a6", None),
        ],
        schema=["name", "sha256", "reads"],
        orient="row",
    ),
    "disagreements": pl.DataFrame(
        {
            "column_name": ["segment", "tier"],
            "believed_source": ["crm", "crm"],
            "other_source": ["shop", "shop"],
            "shared_count": [7_043, 400],
            "differing_count": [265, 0],
        }
    ),
    "checks": pl.DataFrame(
        {
            "stage": ["exports", "marts"],
            "suite": ["exports.tickets", "marts"],
            "expectation": ["ExpectColumnValuesToNotBeNull", "ExpectTableRowCountToBeBetween"],
            "column_name": ["ticket_id", None],
            "severity": ["warning", "critical"],
            "success": [False, True],
            "unexpected_count": [3, 0],
            "element_count": [1_000, 1],
            "reason_zh": ["必填项为空", ""],
            "reason_en": ["A required value is missing", ""],
        }
    ),
    "findings": pl.DataFrame(
        {"code": ["unmatched_file"], "severity": ["warn"], "fields": ['{"file": "sample/new.csv"}']}
    ),
    "runs": pl.DataFrame(
        {
            "run_id": ["20250701T000000", "20250630T000000"],
            "started_at": [_LOADED, _LOADED - timedelta(days=1)],
            "ended_at": [_LOADED, _LOADED - timedelta(days=1)],
            "verdict": ["published", "stopped"],
            "as_of": [AS_OF, None],
            "message_code": [None, "corrupt_gzip"],
        }
    ),
    "datasets": pl.DataFrame(
        {"dataset": ["tickets", "orders"], "source": ["sample", "sample"], "row_count": [985, 400]}
    ),
}
