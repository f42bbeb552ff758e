-- The ledger of a warehouse file of version 1, as it was released. Never edited: the next version's file is a new one.
create schema meta;
create table meta.runs (run_id VARCHAR primary key, started_at TIMESTAMP, ended_at TIMESTAMP, verdict VARCHAR,
    as_of TIMESTAMP, message_code VARCHAR, definitions VARCHAR, state VARCHAR);
create table meta.loads (load_id VARCHAR, load_seq BIGINT, run_id VARCHAR, source VARCHAR, feed VARCHAR, file
    VARCHAR, sha256 VARCHAR, bytes BIGINT, rows_read BIGINT, rows_loaded BIGINT, rows_quarantined BIGINT,
    rows_duplicate BIGINT, data_through TIMESTAMP, loaded_at TIMESTAMP, state VARCHAR, because VARCHAR, is_full
    BOOLEAN);
create table meta.quarantine (load_id VARCHAR, source VARCHAR, feed VARCHAR, file VARCHAR, dataset VARCHAR,
    source_row BIGINT, key VARCHAR, column_name VARCHAR, code VARCHAR, original VARCHAR, released_by VARCHAR,
    released_load VARCHAR, released_at TIMESTAMP);
create table meta.load_columns (load_id VARCHAR, position BIGINT, heading VARCHAR);
create table meta.checks (run_id VARCHAR, load_id VARCHAR, code VARCHAR, stage VARCHAR, suite VARCHAR,
    expectation VARCHAR, column_name VARCHAR, severity VARCHAR, success BOOLEAN, unexpected_count BIGINT,
    element_count BIGINT, reason_zh VARCHAR, reason_en VARCHAR);
create table meta.volumes (run_id VARCHAR, model VARCHAR, row_count BIGINT);
create table meta.reported (run_id VARCHAR, as_of TIMESTAMP, kpi VARCHAR, definition_version VARCHAR,
    slice_dimension VARCHAR, slice_value VARCHAR, period DATE, value DOUBLE, numerator DOUBLE, denominator
    DOUBLE, n BIGINT, state VARCHAR);
create table meta.restatements (run_id VARCHAR, previous_run_id VARCHAR, kpi VARCHAR, slice_dimension VARCHAR,
    slice_value VARCHAR, period DATE, cause VARCHAR, move DOUBLE);
create table meta.findings (run_id VARCHAR, load_id VARCHAR, code VARCHAR, severity VARCHAR, fields JSON);
create table meta.warehouse_version (version INTEGER, reached_at TIMESTAMP);
insert into meta.warehouse_version values (1, timestamp '2026-11-23 00:00:00');
