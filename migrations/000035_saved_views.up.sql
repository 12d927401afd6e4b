-- Lists as people want to see them again: what they are filtered and sorted by, and which columns they show.
-- Locks: none (new tables). Old code: not affected.

create table saved_views (
  id          serial primary key,
  tenant_id   uuid not null references tenants on delete cascade,
  -- the kind of record that it lists
  entity      text not null check (entity ~ '^[a-z_]+$'),
  name        text not null check (name <> ''),
  -- a user or a key
  owner_id    uuid not null,
  -- everybody of the tenant sees it
  shared      boolean not null default false,
  layout      text not null default 'table' check (layout in ('table', 'board')),
  -- as in the query of the list
  filters     jsonb not null default '{}',
  sort        text,
  sort_order  text check (sort_order in ('asc', 'desc')),
  columns     text[] not null default '{}',
  version     integer not null default 1,
  created_at  timestamptz not null default now(),
  updated_at  timestamptz not null default now(),
  deleted_at  timestamptz,
  unique (tenant_id, id)
);
-- Somebody's views of one list are told apart by their names; a deleted one frees its name.
create unique index saved_views_one_per_name on saved_views (tenant_id, owner_id, entity, lower(name)) where deleted_at is null;
create index saved_views_by_entity on saved_views (tenant_id, entity, id);
call protect_tenant_table('saved_views');
grant usage on sequence saved_views_id_seq to switchboard_app;

-- The view that a list of somebody begins with.
create table default_views (
  tenant_id   uuid not null,
  user_id     uuid not null,
  entity      text not null,
  view_id     integer not null,
  primary key (tenant_id, user_id, entity),
  foreign key (tenant_id, view_id) references saved_views (tenant_id, id)
);
create index default_views_of_view on default_views (tenant_id, view_id);
call protect_tenant_table('default_views');
