drop function guard_lineage();
revoke update (epoch, seq) on tenant_heads from switchboard_router;
drop table log_lineage;
alter table tenant_heads add column lineage text;
