drop function append_audit(uuid, json);
drop trigger chain on audit_logs;
drop function chain_audit_row();
drop function audit_hash(bytea, audit_logs);
drop index audit_logs_one_per_number, audit_logs_by_time, audit_logs_by_entity, audit_logs_by_entity_id, audit_logs_by_action, audit_logs_by_actor;
alter table audit_logs drop column number, drop column hash, drop column actor_id;
create index audit_logs_newest on audit_logs (tenant_id, id desc);
create index audit_logs_of_entity on audit_logs (tenant_id, entity, entity_id, id desc);
drop table audit_heads;
