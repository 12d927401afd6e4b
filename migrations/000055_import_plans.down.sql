drop function analyze_grown(text[]);
delete from import_draft_keys k where not exists (
  select from import_drafts d where d.tenant_id = k.tenant_id and d.import_id = k.import_id and d.record_id = k.record_id);
drop index import_draft_keys_by_key;
alter table import_draft_keys
  drop constraint import_draft_keys_tenant_id_import_id_fkey,
  drop constraint import_draft_keys_pkey,
  add primary key (tenant_id, import_id, record_id, key),
  add foreign key (tenant_id, import_id, record_id) references import_drafts (tenant_id, import_id, record_id) on delete cascade;
create index import_draft_keys_by_key on import_draft_keys (tenant_id, import_id, key);
