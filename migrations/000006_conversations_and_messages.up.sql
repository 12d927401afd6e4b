-- Conversations, messages, files and the ledger of send attempts. Locks: none (new tables). Old code: not affected.

create table conversation_counters (
  tenant_id    uuid primary key references tenants on delete cascade,
  last_number  bigint not null default 0
);
call protect_tenant_table('conversation_counters', 'select, insert, update');

create table conversations (
  tenant_id          uuid not null references tenants on delete cascade,
  id                 uuid not null,
  -- what humans call it, per tenant from 1
  number             bigint not null,
  channel_id         uuid not null,
  contact_id         integer not null,
  status             text not null default 'open' check (status in ('open', 'pending', 'snoozed', 'resolved')),
  priority           text not null default 'normal' check (priority in ('low', 'normal', 'high', 'urgent')),
  assignee_id        uuid,
  team_id            uuid,
  labels             text[] not null default '{}',
  -- messages in it; also the seq of the newest one
  last_seq           integer not null default 0,
  -- everything up to here was seen by an agent
  read_seq           integer not null default 0,
  unread_count       integer not null default 0 check (unread_count >= 0),
  last_message_id    uuid,
  -- the provider's time of the newest message, either way
  last_activity_at   timestamptz not null default now(),
  last_inbound_at    timestamptz,
  window_expires_at  timestamptz,
  -- the customer has been waiting for an answer since
  waiting_since      timestamptz,
  snoozed_until      timestamptz,
  resolved_at        timestamptz,
  version            integer not null default 1,
  created_at         timestamptz not null default now(),
  updated_at         timestamptz not null default now(),
  primary key (tenant_id, id),
  unique (id),
  unique (tenant_id, number),
  foreign key (tenant_id, channel_id) references channels (tenant_id, id),
  foreign key (tenant_id, contact_id) references contacts (tenant_id, id),
  foreign key (tenant_id, assignee_id) references users (tenant_id, id),
  foreign key (tenant_id, team_id) references teams (tenant_id, id)
);
-- One live conversation per contact and channel, by the database and not by lookup.
create unique index conversations_one_live on conversations (tenant_id, channel_id, contact_id) where status <> 'resolved';
create index conversations_by_activity on conversations (tenant_id, last_activity_at desc, id desc);
create index conversations_by_status on conversations (tenant_id, status, last_activity_at desc, id desc);
create index conversations_by_assignee on conversations (tenant_id, assignee_id, last_activity_at desc, id desc);
create index conversations_by_contact on conversations (tenant_id, contact_id, last_activity_at desc);
create index conversations_snoozed on conversations (snoozed_until) where status = 'snoozed';
call protect_tenant_table('conversations');

create table attachments (
  tenant_id        uuid not null references tenants on delete cascade,
  id               uuid not null,
  direction        text not null check (direction in ('in', 'out')),
  -- awaiting_upload: outbound, the browser has the signed address and has not come back
  state            text not null check (state in ('awaiting_upload', 'pending', 'stored', 'failed', 'expired')),
  reason           text,
  mime_type        text not null,
  size_bytes       bigint,
  sha256           text,
  file_name        text,
  object_key       text,
  thumbnail_key    text,
  -- what the provider's adapter needs to fetch it
  ref              jsonb,
  channel_id       uuid,
  created_by       uuid,
  attempts         integer not null default 0,
  next_attempt_at  timestamptz,
  claim_token      uuid,
  lease_until      timestamptz,
  created_at       timestamptz not null default now(),
  stored_at        timestamptz,
  primary key (tenant_id, id),
  unique (id)
);
create index attachments_due on attachments (next_attempt_at) where state = 'pending';
create index attachments_by_content on attachments (tenant_id, sha256) where state = 'stored';
call protect_tenant_table('attachments');

create table messages (
  tenant_id            uuid not null references tenants on delete cascade,
  id                   uuid not null,
  conversation_id      uuid not null,
  channel_id           uuid not null,
  seq                  integer not null,
  direction            text not null check (direction in ('in', 'out')),
  author_kind          text not null check (author_kind in ('contact', 'agent', 'bot', 'system', 'phone', 'campaign', 'api')),
  author_id            text,
  author_name          text,
  type                 text not null,
  text                 text,
  payload              jsonb not null default '{}',
  attachment_id        uuid,
  reply_to_id          uuid,
  reply_to_provider_id text,
  reactions            jsonb not null default '[]',
  status               text not null
                       check (status in ('received', 'queued', 'sent', 'delivered', 'read', 'played', 'failed', 'unknown')),
  error                jsonb,
  client_message_id    text,
  provider_message_id  text,
  -- the part of the delivery it came from, when we could not read it
  raw                  jsonb,
  -- 0 live chat, higher numbers wait for lower ones
  priority             smallint not null default 0,
  attempts             integer not null default 0,
  next_attempt_at      timestamptz,
  pricing              jsonb,
  -- the provider's time; ours for what we queue
  sent_at              timestamptz not null,
  edited_at            timestamptz,
  deleted_at           timestamptz,
  created_at           timestamptz not null default now(),
  primary key (tenant_id, id),
  unique (id),
  unique (tenant_id, conversation_id, seq),
  foreign key (tenant_id, conversation_id) references conversations (tenant_id, id) on delete cascade,
  foreign key (tenant_id, attachment_id) references attachments (tenant_id, id)
);
-- One key, one effect.
create unique index messages_one_per_provider_id on messages (tenant_id, channel_id, provider_message_id)
  where provider_message_id is not null;
create unique index messages_one_per_client_key on messages (tenant_id, author_id, client_message_id)
  where client_message_id is not null;
create index messages_in_order on messages (tenant_id, conversation_id, sent_at, seq);
create index messages_queued on messages (tenant_id, channel_id, priority, conversation_id, seq) where status = 'queued';
create index messages_by_attachment on messages (tenant_id, attachment_id) where attachment_id is not null;
call protect_tenant_table('messages');

-- What an edited or deleted message said before.
create table message_versions (
  tenant_id    uuid not null,
  message_id   uuid not null,
  version      integer not null,
  text         text,
  payload      jsonb not null,
  replaced_at  timestamptz not null,
  primary key (tenant_id, message_id, version),
  foreign key (tenant_id, message_id) references messages (tenant_id, id) on delete cascade
);
call protect_tenant_table('message_versions', 'select, insert');

-- One row per try, committed before the call to the network; what came of it is filled in afterwards.
create table send_attempts (
  tenant_id    uuid not null,
  id           uuid not null,
  message_id   uuid not null,
  channel_id   uuid not null,
  number       integer not null,
  state        text not null default 'started' check (state in ('started', 'accepted', 'refused', 'later', 'unknown')),
  -- the worker that holds it: an outcome written with another token is refused
  claim_token  uuid not null,
  lease_until  timestamptz not null,
  started_at   timestamptz not null default now(),
  finished_at  timestamptz,
  detail       jsonb,
  primary key (tenant_id, id),
  unique (tenant_id, message_id, number),
  foreign key (tenant_id, message_id) references messages (tenant_id, id) on delete cascade
);
-- At most one attempt of a message is under way.
create unique index send_attempts_one_open on send_attempts (tenant_id, message_id) where state = 'started';
create index send_attempts_lease on send_attempts (lease_until) where state = 'started';
call protect_tenant_table('send_attempts');

-- News about a message that we do not know yet: a status before the answer of the send, a reaction or an edit
-- before its message. Applied when the message appears, thrown away when it never does.
create table parked_updates (
  tenant_id            uuid not null,
  id                   uuid not null,
  channel_id           uuid not null,
  provider_message_id  text not null,
  item                 jsonb not null,
  expires_at           timestamptz not null,
  created_at           timestamptz not null default now(),
  primary key (tenant_id, id),
  foreign key (tenant_id, channel_id) references channels (tenant_id, id) on delete cascade
);
create index parked_updates_by_target on parked_updates (tenant_id, channel_id, provider_message_id);
create index parked_updates_expiry on parked_updates (expires_at);
call protect_tenant_table('parked_updates');

-- Channels that have something to send now. Out: one row per channel. Locks: none.
create function channels_with_due_sends(at_most integer)
returns table (tenant_id uuid, channel_id uuid) language sql stable as $$
  select distinct m.tenant_id, m.channel_id from messages m
  where m.status = 'queued' and (m.next_attempt_at is null or m.next_attempt_at <= now()) limit at_most $$;
call make_router_function('channels_with_due_sends(integer)');
create index messages_due on messages (next_attempt_at nulls first) where status = 'queued';

-- Attempts whose worker died between the call and its outcome. Locks: none.
create function abandoned_attempts(at_most integer)
returns table (tenant_id uuid, attempt_id uuid) language sql stable as $$
  select a.tenant_id, a.id from send_attempts a where a.state = 'started' and a.lease_until < now() limit at_most $$;
call make_router_function('abandoned_attempts(integer)');

create function due_attachments(at_most integer)
returns table (tenant_id uuid, attachment_id uuid) language sql stable as $$
  select a.tenant_id, a.id from attachments a
  where a.state = 'pending' and a.next_attempt_at <= now() and (a.lease_until is null or a.lease_until < now())
  order by a.next_attempt_at limit at_most $$;
call make_router_function('due_attachments(integer)');

create function due_snoozes(at_most integer)
returns table (tenant_id uuid, conversation_id uuid) language sql stable as $$
  select c.tenant_id, c.id from conversations c where c.status = 'snoozed' and c.snoozed_until <= now() limit at_most $$;
call make_router_function('due_snoozes(integer)');

grant select on messages, send_attempts, attachments, conversations to switchboard_router;
