-- A channel is one number on one network. Locks: none (new tables). Old code: not affected.

create table channels (
  tenant_id    uuid not null references tenants on delete cascade,
  id           uuid not null,
  provider     text not null check (provider in ('whatsapp-cloud', 'evolution', 'fake')),
  name         text not null check (name <> ''),
  status       text not null default 'connecting'
               check (status in ('connecting', 'connected', 'disconnected', 'restricted', 'blocked', 'removed')),
  -- why it does not send: set with class C errors of the network, cleared by a human or a good check
  stopped_reason text,
  settings     jsonb not null default '{}',
  -- AES-256-GCM of the channel's secrets, see src/domain/channels/secrets.ts; never returned
  secrets      bytea not null,
  -- what the network calls it: the phone number id, or the instance name; one live channel in the whole installation
  external_id  text not null,
  -- the account the number belongs to on the network (WABA id), for news that name only the account
  account_id   text,
  -- the unguessable part of the webhook address
  webhook_key  text not null unique,
  health       jsonb not null default '{}',
  version      integer not null default 1,
  created_at   timestamptz not null default now(),
  updated_at   timestamptz not null default now(),
  deleted_at   timestamptz,
  primary key (tenant_id, id),
  unique (id)
);
create unique index channels_one_owner on channels (provider, external_id) where deleted_at is null;
create index channels_by_account on channels (provider, account_id) where deleted_at is null;
call protect_tenant_table('channels');

-- One row per channel that its workers lock: order of intake, and the budget of sends, shared by all processes.
create table channel_lanes (
  tenant_id        uuid not null,
  channel_id       uuid not null,
  -- token bucket of sends: how many were left at which moment
  tokens           double precision not null default 0,
  tokens_at        timestamptz not null default now(),
  -- the network asked us to wait
  paused_until     timestamptz,
  pause_reason     text,
  primary key (tenant_id, channel_id),
  foreign key (tenant_id, channel_id) references channels on delete cascade
);
call protect_tenant_table('channel_lanes');

create table templates (
  tenant_id             uuid not null,
  id                    uuid not null,
  channel_id            uuid not null,
  provider_template_id  text not null,
  name                  text,
  language              text,
  status                text,
  category              text,
  quality               text,
  reason                text,
  components            jsonb,
  -- the network said that components changed; read them anew
  stale                 boolean not null default false,
  detail                jsonb not null default '{}',
  version               integer not null default 1,
  created_at            timestamptz not null default now(),
  updated_at            timestamptz not null default now(),
  primary key (tenant_id, id),
  unique (tenant_id, channel_id, provider_template_id),
  foreign key (tenant_id, channel_id) references channels on delete cascade
);
create index templates_by_name on templates (tenant_id, channel_id, name, language);
call protect_tenant_table('templates');

-- Whose number is this? In: the network and the ids that a delivery names. Out: live channels with what checking a
-- signature needs (encrypted). Locks: none.
create function channels_by_external_id(network text, ids text[])
returns table (tenant_id uuid, channel_id uuid, external_id text, account_id text, settings jsonb, secrets bytea, tenant_status text)
language sql stable as
$$ select c.tenant_id, c.id, c.external_id, c.account_id, c.settings, c.secrets, t.status
   from channels c join tenants t on t.id = c.tenant_id
   where c.provider = network and c.external_id = any (ids) and c.deleted_at is null $$;
call make_router_function('channels_by_external_id(text, text[])');

create function channels_by_account_id(network text, ids text[])
returns table (tenant_id uuid, channel_id uuid, external_id text, account_id text, settings jsonb, secrets bytea, tenant_status text)
language sql stable as
$$ select c.tenant_id, c.id, c.external_id, c.account_id, c.settings, c.secrets, t.status
   from channels c join tenants t on t.id = c.tenant_id
   where c.provider = network and c.account_id = any (ids) and c.deleted_at is null $$;
call make_router_function('channels_by_account_id(text, text[])');

-- Every live channel of a network: whose secret signed a delivery about a number that nobody owns? Locks: none.
create function channels_of_network(network text, at_most integer)
returns table (tenant_id uuid, channel_id uuid, external_id text, account_id text, settings jsonb, secrets bytea, tenant_status text)
language sql stable as
$$ select c.tenant_id, c.id, c.external_id, c.account_id, c.settings, c.secrets, t.status
   from channels c join tenants t on t.id = c.tenant_id
   where c.provider = network and c.deleted_at is null order by c.created_at limit at_most $$;
call make_router_function('channels_of_network(text, integer)');

create function channel_by_webhook_key(key text)
returns table (tenant_id uuid, channel_id uuid, provider text, external_id text, account_id text, settings jsonb, secrets bytea, tenant_status text)
language sql stable as
$$ select c.tenant_id, c.id, c.provider, c.external_id, c.account_id, c.settings, c.secrets, t.status
   from channels c join tenants t on t.id = c.tenant_id
   where c.webhook_key = key and c.deleted_at is null $$;
call make_router_function('channel_by_webhook_key(text)');

grant select on channels to switchboard_router;
