-- Who may touch what. Every table of ours that has a tenant_id is protected by forced row-level security; the
-- application connects as a role that owns nothing and cannot bypass it; the tenant is set inside a transaction
-- with set_config('app.tenant_id', …, true) and nowhere else, so unset means no rows.
-- Locks: none. Old code: not affected.

do $$
begin
  if not exists (select from pg_roles where rolname = 'switchboard_app') then
    create role switchboard_app nologin nosuperuser nobypassrls;
  end if;
exception when duplicate_object or unique_violation then
  null; -- another database of the same cluster created it in this moment
end $$;

do $$
begin
  execute format('grant usage on schema %I to switchboard_app', current_schema());
  if not pg_has_role(current_user, 'switchboard_app', 'member') then
    execute format('grant switchboard_app to %I', current_user);
  end if;
end $$;

-- The tenant of this transaction, or null. A scalar subselect around it is evaluated once per statement.
create function current_tenant() returns uuid language sql stable parallel safe as
$$ select nullif(current_setting('app.tenant_id', true), '')::uuid $$;

-- Protects one table that has a tenant_id and lets the application use it with the given rights.
create procedure protect_tenant_table(target regclass, rights text default 'select, insert, update, delete')
language plpgsql as $$
begin
  execute format('alter table %s enable row level security', target);
  execute format('alter table %s force row level security', target);
  execute format(
    'create policy tenant_isolation on %s using (tenant_id = (select current_tenant())) with check (tenant_id = (select current_tenant()))',
    target);
  execute format('grant %s on %s to switchboard_app', rights, target);
end $$;

-- A function for the application that runs with the owner's rights: one of the few, named reads across tenants.
-- Forced row security binds owners too, so such a function belongs to the role below.
do $$
begin
  if not exists (select from pg_roles where rolname = 'switchboard_router') then
    create role switchboard_router nologin nosuperuser bypassrls;
  end if;
exception
  when duplicate_object or unique_violation then null;
  when insufficient_privilege then
    raise exception 'the migration role may not create the role switchboard_router (BYPASSRLS): let a superuser run docs/database-roles.sql once';
end $$;

do $$
begin
  execute format('grant usage, create on schema %I to switchboard_router', current_schema());
  if not pg_has_role(current_user, 'switchboard_router', 'member') then
    execute format('grant switchboard_router to %I', current_user);
  end if;
end $$;

create procedure make_router_function(target regprocedure) language plpgsql as $$
begin
  execute format('alter function %s security definer', target);
  execute format('alter function %s set search_path = %I, pg_temp', target, current_schema());
  execute format('alter function %s owner to switchboard_router', target);
  execute format('revoke all on function %s from public', target);
  execute format('grant execute on function %s to switchboard_app', target);
end $$;
