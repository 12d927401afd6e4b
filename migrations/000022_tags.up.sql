-- Tags, and which customers bear them. Locks: none (new tables). Old code: not affected.

create table tags (
  id          serial primary key,
  tenant_id   uuid not null references tenants on delete cascade,
  name        text not null check (name <> ''),
  color       text check (color ~ '^#[0-9a-f]{6}$'),
  version     integer not null default 1,
  created_at  timestamptz not null default now(),
  updated_at  timestamptz not null default now(),
  deleted_at  timestamptz,
  unique (tenant_id, id)
);
-- Two tags that read the same are one; a deleted one frees its name.
create unique index tags_one_per_name on tags (tenant_id, lower(name)) where deleted_at is null;
call protect_tenant_table('tags');
grant usage on sequence tags_id_seq to switchboard_app;

create table customer_tags (
  tenant_id    uuid not null,
  customer_id  integer not null,
  tag_id       integer not null,
  created_at   timestamptz not null default now(),
  primary key (tenant_id, customer_id, tag_id),
  constraint customer_tags_customer foreign key (tenant_id, customer_id) references customers (tenant_id, id) on delete cascade,
  constraint customer_tags_tag foreign key (tenant_id, tag_id) references tags (tenant_id, id) on delete cascade
);
create index customer_tags_by_tag on customer_tags (tenant_id, tag_id, customer_id);
call protect_tenant_table('customer_tags', 'select, insert, delete');

-- Lists of customers by what they are filtered and sorted by.
create index customers_newest on customers (tenant_id, created_at desc, id desc);
create index customers_by_update on customers (tenant_id, updated_at desc, id desc);
create index customers_by_name on customers (tenant_id, lower(name), id);
create index customers_by_owner on customers (tenant_id, owner_id, created_at desc, id desc);
create index customers_by_status on customers (tenant_id, status, created_at desc, id desc);
