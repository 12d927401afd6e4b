-- Objects of the store that no row names: not yet, because they are being written, or not any more. Whoever writes one says so
-- here first, and the transaction that names it takes it off the list; the sweep removes the rest. Locks: none on what is there. Old
-- code: names objects without looking here, and leaves those behind that a process forgets when it is killed, as it did.

create table stray_objects (
  tenant_id  uuid not null references tenants on delete cascade,
  key        text not null,
  -- not before, because somebody may still write there
  remove_at  timestamptz not null,
  primary key (tenant_id, key)
);
create index stray_objects_due on stray_objects (remove_at);
call protect_tenant_table('stray_objects');

-- Those whose time has come, of all tenants, the longest waiting first. Locks: none.
create function stray_objects_due(at_most integer)
returns table (tenant_id uuid, key text) language sql stable as $$
  select s.tenant_id, s.key from stray_objects s where s.remove_at <= now() order by s.remove_at limit at_most $$;
call make_router_function('stray_objects_due(integer)');
grant select on stray_objects to switchboard_router;
