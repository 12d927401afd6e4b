-- What a conversation shows of the CRM: the deals it belongs to and the notes written in it.
-- Locks: none (new tables). Old code: not affected.

create table pipeline_stages (
  id           serial primary key,
  tenant_id    uuid not null references tenants on delete cascade,
  name         text not null check (name <> ''),
  position     integer not null,
  probability  integer not null default 0 check (probability between 0 and 100),
  kind         text not null default 'open' check (kind in ('open', 'won', 'lost')),
  color        text,
  version      integer not null default 1,
  created_at   timestamptz not null default now(),
  updated_at   timestamptz not null default now(),
  deleted_at   timestamptz,
  unique (tenant_id, id)
);
call protect_tenant_table('pipeline_stages');
grant usage on sequence pipeline_stages_id_seq to switchboard_app;

create table deals (
  id                 serial primary key,
  tenant_id          uuid not null references tenants on delete cascade,
  title              text not null check (title <> ''),
  customer_id        integer,
  contact_id         integer,
  stage_id           integer not null,
  owner_id           uuid,
  value_minor        bigint,
  currency           text check (currency ~ '^[A-Z]{3}$'),
  probability        integer check (probability between 0 and 100),
  expected_close_on  date,
  lost_reason        text,
  position           text not null default 'a0',
  entered_stage_at   timestamptz not null default now(),
  closed_at          timestamptz,
  version            integer not null default 1,
  created_at         timestamptz not null default now(),
  updated_at         timestamptz not null default now(),
  deleted_at         timestamptz,
  unique (tenant_id, id),
  foreign key (tenant_id, customer_id) references customers (tenant_id, id),
  foreign key (tenant_id, contact_id) references contacts (tenant_id, id),
  foreign key (tenant_id, stage_id) references pipeline_stages (tenant_id, id),
  foreign key (tenant_id, owner_id) references users (tenant_id, id)
);
call protect_tenant_table('deals');
grant usage on sequence deals_id_seq to switchboard_app;

create table deal_conversations (
  tenant_id        uuid not null,
  deal_id          integer not null,
  conversation_id  uuid not null,
  primary key (tenant_id, deal_id, conversation_id),
  foreign key (tenant_id, deal_id) references deals (tenant_id, id) on delete cascade,
  foreign key (tenant_id, conversation_id) references conversations (tenant_id, id) on delete cascade
);
create index deal_conversations_by_conversation on deal_conversations (tenant_id, conversation_id);
call protect_tenant_table('deal_conversations');

create table notes (
  id               serial primary key,
  tenant_id        uuid not null references tenants on delete cascade,
  body             text not null check (body <> ''),
  pinned           boolean not null default false,
  mentions         uuid[] not null default '{}',
  author_id        text not null,
  author_name      text,
  customer_id      integer,
  contact_id       integer,
  deal_id          integer,
  conversation_id  uuid,
  client_key       text,
  version          integer not null default 1,
  created_at       timestamptz not null default now(),
  updated_at       timestamptz not null default now(),
  deleted_at       timestamptz,
  unique (tenant_id, id),
  check (num_nonnulls(customer_id, contact_id, deal_id, conversation_id) = 1),
  foreign key (tenant_id, customer_id) references customers (tenant_id, id),
  foreign key (tenant_id, contact_id) references contacts (tenant_id, id),
  foreign key (tenant_id, deal_id) references deals (tenant_id, id),
  foreign key (tenant_id, conversation_id) references conversations (tenant_id, id)
);
create index notes_of_conversation on notes (tenant_id, conversation_id, id) where conversation_id is not null;
create unique index notes_one_per_client_key on notes (tenant_id, author_id, client_key) where client_key is not null;
call protect_tenant_table('notes');
grant usage on sequence notes_id_seq to switchboard_app;
