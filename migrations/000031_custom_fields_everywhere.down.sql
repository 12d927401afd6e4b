drop function imports_to_tidy(interval, interval, integer);
drop function contacts_with_email(text);
drop index imports_ended, imports_with_files, imports_awaited;
alter table imports drop column upload_key;
revoke delete on imports, import_errors from switchboard_app;
-- Nothing of ours can go on with files of other records.
alter table imports no force row level security;
alter table import_errors no force row level security;
delete from imports where entity <> 'customer';
alter table imports force row level security;
alter table import_errors force row level security;
alter table imports
  drop constraint imports_entity_check,
  add constraint imports_entity_check check (entity in ('customer'));
drop index customers_by_values, contacts_by_values, deals_by_values;
drop function tenant_values(uuid, jsonb);
drop function customers_with_values(jsonb, integer);
drop function contacts_with_values(jsonb, integer);
drop function deals_with_values(jsonb, integer);
alter table deals drop column custom_fields;
alter table contacts drop column custom_fields;
