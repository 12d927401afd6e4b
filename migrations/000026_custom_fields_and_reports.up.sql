-- Fields that a tenant gives its records, and what reports read messages by.
-- Locks: share on messages while its index is made (one pass over the table; the index is tiny). Old code: takes any custom
-- field of customers, unchecked, as before.

create table custom_fields (
  id          serial primary key,
  tenant_id   uuid not null references tenants on delete cascade,
  entity      text not null check (entity in ('customer', 'contact', 'deal')),
  key         text not null check (key ~ '^[a-z][a-z0-9_]{0,62}$'),
  label       text not null check (label <> ''),
  type        text not null check (type in ('text', 'number', 'currency', 'date', 'list', 'checkbox', 'link')),
  -- of a list: what can be chosen
  options     text[] not null default '{}',
  required    boolean not null default false,
  position    integer not null default 0,
  version     integer not null default 1,
  created_at  timestamptz not null default now(),
  updated_at  timestamptz not null default now(),
  deleted_at  timestamptz,
  unique (tenant_id, id),
  constraint custom_fields_list_has_options check ((type = 'list') = (cardinality(options) > 0))
);
-- A deleted one keeps its key, because records keep its values.
create unique index custom_fields_one_per_key on custom_fields (tenant_id, entity, key);
call protect_tenant_table('custom_fields', 'select, insert, update');
grant usage on sequence custom_fields_id_seq to switchboard_app;

-- Messages of a period. Their times rise with their place in the table, near enough for an index of a few pages.
create index messages_by_time on messages using brin (sent_at) with (pages_per_range = 32, autosummarize = on);
