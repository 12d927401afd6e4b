-- For a superuser of a server where migrations may not create roles. Run once, in the database of the hub, with psql:
--   psql -v owner=hub_owner -v login=hub_app -f docs/database-roles.sql
-- Afterwards DATABASE_OWNER_URL logs in as the owner (runs the migrations, owns the tables) and DATABASE_URL as the login
-- (owns nothing, bound by row security). Passwords are set with \password.
-- Before a backup is restored into a new cluster too: policies and rights that name a role that is missing are not restored.

-- What the application may do, given by the migrations table by table.
do $$ begin
  if not exists (select from pg_roles where rolname = 'switchboard_app') then
    create role switchboard_app nologin nosuperuser nobypassrls;
  end if;
end $$;

-- Owns the few narrow functions that read across tenants, and nothing else.
do $$ begin
  if not exists (select from pg_roles where rolname = 'switchboard_router') then
    create role switchboard_router nologin nosuperuser bypassrls;
  end if;
end $$;

-- As what statements run that several tenants share; the application may become it and does not inherit from it.
do $$ begin
  if not exists (select from pg_roles where rolname = 'switchboard_lane') then
    create role switchboard_lane nologin nosuperuser nobypassrls;
  end if;
  if current_setting('server_version_num')::integer >= 160000 then
    execute 'grant switchboard_lane to switchboard_app with inherit false, set true';
  else
    alter role switchboard_app noinherit;
    grant switchboard_lane to switchboard_app;
  end if;
end $$;

select format('create role %I login nosuperuser nobypassrls', :'owner')
where not exists (select from pg_roles where rolname = :'owner') \gexec
select format('create role %I login nosuperuser nobypassrls', :'login')
where not exists (select from pg_roles where rolname = :'login') \gexec

grant switchboard_app to :"owner" with admin option;
grant switchboard_router to :"owner";
grant switchboard_app to :"login";
select format('grant connect, create on database %I to %I', current_database(), :'owner') \gexec
select format('grant connect on database %I to %I', current_database(), :'login') \gexec
