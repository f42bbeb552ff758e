-- Takes a warehouse file back to the shape of the first homes, which counted no versions: what the ledger and the raw
-- tables had not learnt yet. Rows stay.
drop table meta.warehouse_version;
drop table meta.load_columns;
drop table meta.reported;
drop table meta.restatements;
alter table meta.loads drop column is_full;
alter table meta.quarantine drop column released_by;
alter table meta.quarantine drop column released_load;
alter table meta.quarantine drop column released_at;
alter table raw.tickets drop column is_gone;
alter table raw.customers drop column is_gone;
alter table waiting.tickets drop column is_gone;
drop table raw.pain_points;
