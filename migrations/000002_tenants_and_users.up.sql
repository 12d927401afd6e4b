-- Tenants, the people in them and their teams. Locks: none (new tables). Old code: not affected.

create table tenants (
  id              uuid primary key,
  slug            text not null unique check (slug ~ '^[a-z0-9][a-z0-9-]{0,62}$'),
  name            text not null check (name <> ''),
  status          text not null default 'active' check (status in ('active', 'suspended')),
  -- hash(id) mod 512, stored from day one, so that tenants can move between servers later
  shard           smallint not null check (shard between 0 and 511),
  time_zone       text not null default 'UTC',
  locale          text not null default 'en',
  settings        jsonb not null default '{}',
  version         integer not null default 1,
  created_at      timestamptz not null default now(),
  updated_at      timestamptz not null default now()
);
alter table tenants enable row level security;
alter table tenants force row level security;
create policy own_tenant on tenants using (id = (select current_tenant())) with check (id = (select current_tenant()));
grant select, insert, update on tenants to switchboard_app;

create table users (
  tenant_id         uuid not null references tenants on delete cascade,
  id                uuid not null,
  -- who vouches for the person: an issuer of tokens, and the subject it names
  issuer            text not null,
  subject           text not null,
  platform_user_id  bigint unique,
  email             text,
  name              text not null,
  role              text not null check (role in ('admin', 'manager', 'agent', 'viewer')),
  status            text not null default 'active' check (status in ('active', 'disabled')),
  last_seen_at      timestamptz,
  version           integer not null default 1,
  created_at        timestamptz not null default now(),
  updated_at        timestamptz not null default now(),
  primary key (tenant_id, id),
  unique (id),
  unique (tenant_id, issuer, subject)
);
call protect_tenant_table('users');

create table teams (
  tenant_id   uuid not null references tenants on delete cascade,
  id          uuid not null,
  name        text not null check (name <> ''),
  version     integer not null default 1,
  created_at  timestamptz not null default now(),
  updated_at  timestamptz not null default now(),
  primary key (tenant_id, id),
  unique (tenant_id, name)
);
call protect_tenant_table('teams');

create table team_members (
  tenant_id  uuid not null,
  team_id    uuid not null,
  user_id    uuid not null,
  primary key (tenant_id, team_id, user_id),
  foreign key (tenant_id, team_id) references teams on delete cascade,
  foreign key (tenant_id, user_id) references users on delete cascade
);
create index team_members_by_user on team_members (tenant_id, user_id);
call protect_tenant_table('team_members');

-- Which tenant a token speaks of. In: slug or id as text. Out: at most one row. Locks: none.
create function find_tenant(name_or_id text)
returns table (id uuid, slug text, name text, status text, time_zone text, settings jsonb) language sql stable as
$$ select t.id, t.slug, t.name, t.status, t.time_zone, t.settings from tenants t
   where t.slug = name_or_id or t.id::text = name_or_id $$;
call make_router_function('find_tenant(text)');

-- For the command line and the sweeps. Out: every tenant, oldest first. Locks: none.
create function list_tenants()
returns table (id uuid, slug text, name text, status text, created_at timestamptz) language sql stable as
$$ select t.id, t.slug, t.name, t.status, t.created_at from tenants t order by t.created_at, t.id $$;
call make_router_function('list_tenants()');

grant select on tenants to switchboard_router;
