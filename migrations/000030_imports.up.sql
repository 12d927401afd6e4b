-- Files of records that somebody brings, how far each of them is, and what was wrong with its rows; what rows are found again
-- by. Locks: share on customers while two indexes are built. Old code: not affected.

create table imports (
  tenant_id    uuid not null references tenants on delete cascade,
  id           uuid not null,
  entity       text not null check (entity in ('customer')),
  state        text not null default 'awaiting_upload'
                 check (state in ('awaiting_upload', 'queued', 'running', 'done', 'failed', 'cancelled')),
  -- columns of the file that are not taken by their name: header to column, null leaves it out
  mapping      jsonb not null default '{}',
  upsert_key   text not null check (upsert_key in ('email', 'phone', 'id', 'none')),
  dry_run      boolean not null,
  -- where the file is in the object store; first where the browser writes, then a copy that it cannot reach
  object_key   text,
  -- who brought it; its rights count while it runs
  owner_id     uuid not null,
  actor        jsonb not null,
  -- rows of the file: counted before the first is written
  rows_total   integer,
  -- rows behind us: written in the transaction that wrote them
  rows_done    integer not null default 0,
  created      integer not null default 0,
  updated      integer not null default 0,
  unchanged    integer not null default 0,
  failed       integer not null default 0,
  reason       text,
  claim_token  uuid,
  lease_until  timestamptz,
  told_at      timestamptz,
  created_at   timestamptz not null default now(),
  finished_at  timestamptz,
  primary key (tenant_id, id),
  check (rows_done = created + updated + unchanged + failed),
  check ((state in ('done', 'failed', 'cancelled')) = (finished_at is not null))
);
call protect_tenant_table('imports', 'select, insert, update');
grant select on imports to switchboard_router;
create index imports_due on imports (created_at) where state in ('queued', 'running');

create table import_errors (
  tenant_id  uuid not null,
  import_id  uuid not null,
  -- of the file, from 1; where the row begins
  line       integer not null,
  reason     text not null,
  primary key (tenant_id, import_id, line),
  foreign key (tenant_id, import_id) references imports (tenant_id, id) on delete cascade
);
call protect_tenant_table('import_errors', 'select, insert');

-- Imports that nobody works on. Out: the longest waiting first. Locks: none.
create function due_imports(at_most integer)
returns table (tenant_id uuid, import_id uuid) language sql stable as $$
  select i.tenant_id, i.id from imports i
  where i.state in ('queued', 'running') and (i.lease_until is null or i.lease_until < now())
  order by i.created_at limit at_most $$;
call make_router_function('due_imports(integer)');

create index customers_by_email on customers (tenant_id, lower(email), id) where email is not null and deleted_at is null;
create index customers_by_phone on customers (tenant_id, phone, id) where phone is not null and deleted_at is null;

-- The tenant's customers with an address, whatever its case. A function, because under row security no index is used for a
-- condition with lower(). Out: the two with the lowest ids. Locks: none.
create function customers_with_email(wanted text)
returns table (customer_id integer) language sql stable as $$
  select c.id from customers c
  where c.tenant_id = (select current_tenant()) and lower(c.email) = lower(wanted) and c.email is not null and c.deleted_at is null
  order by c.id limit 2 $$;
call make_router_function('customers_with_email(text)');
