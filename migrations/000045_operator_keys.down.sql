drop index api_keys_by_maker;
alter table api_keys drop column maker_kind, drop column maker_id, drop column maker_name;
drop function revoke_operator_key(uuid, text, timestamptz);
drop function list_operator_keys();
drop function enter_with_operator_key(bytea, timestamptz);
drop function make_operator_key(uuid, text, text, bytea, timestamptz, text, timestamptz);
drop table operator_keys;
