drop function sweep_idempotency_keys(interval);
drop function api_key_by_hash(bytea);
drop table idempotency_keys, audit_logs, api_keys;
