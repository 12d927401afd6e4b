-- What the batches of a dry run would have left behind, so that the next ones meet it: each batch is taken back, and a row that
-- repeats the key of an earlier one must be told as it will be. Gone when the import ends. Locks: none (new tables). Old code: not
-- affected; an import that it ends by itself keeps its rows here until the import goes.

create table import_drafts (
  tenant_id  uuid not null,
  import_id  uuid not null,
  -- no foreign key: one that would be made is not there
  record_id  integer not null,
  -- rows by table, the record's own and those that belong to it
  image      jsonb not null,
  primary key (tenant_id, import_id, record_id),
  foreign key (tenant_id, import_id) references imports (tenant_id, id) on delete cascade
);
call protect_tenant_table('import_drafts');

-- By what another row of the file can meet it, as it really is and as it would be.
create table import_draft_keys (
  tenant_id  uuid not null,
  import_id  uuid not null,
  record_id  integer not null,
  key        text not null,
  primary key (tenant_id, import_id, record_id, key),
  foreign key (tenant_id, import_id, record_id) references import_drafts (tenant_id, import_id, record_id) on delete cascade
);
create index import_draft_keys_by_key on import_draft_keys (tenant_id, import_id, key);
call protect_tenant_table('import_draft_keys', 'select, insert, delete');
