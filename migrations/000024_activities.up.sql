-- What people of ours have to do, and when they want to be reminded of it. Locks: none (new table). Old code: not affected.

create table activities (
  id               serial primary key,
  tenant_id        uuid not null references tenants on delete cascade,
  type             text not null check (type in ('task', 'call', 'meeting', 'email', 'message')),
  subject          text not null check (subject <> ''),
  description      text,
  due_at           timestamptz,
  remind_at        timestamptz,
  -- written together with the event that reminds; null again when remind_at moves
  reminded_at      timestamptz,
  priority         text not null default 'normal' check (priority in ('low', 'normal', 'high', 'urgent')),
  status           text not null default 'open' check (status in ('open', 'done', 'cancelled')),
  completed_at     timestamptz,
  outcome          text,
  assignee_id      uuid,
  customer_id      integer,
  contact_id       integer,
  deal_id          integer,
  conversation_id  uuid,
  version          integer not null default 1,
  created_at       timestamptz not null default now(),
  updated_at       timestamptz not null default now(),
  deleted_at       timestamptz,
  unique (tenant_id, id),
  constraint activities_done_since check ((status = 'done') = (completed_at is not null)),
  constraint activities_assignee foreign key (tenant_id, assignee_id) references users (tenant_id, id),
  constraint activities_customer foreign key (tenant_id, customer_id) references customers (tenant_id, id),
  constraint activities_contact foreign key (tenant_id, contact_id) references contacts (tenant_id, id),
  constraint activities_deal foreign key (tenant_id, deal_id) references deals (tenant_id, id),
  constraint activities_conversation foreign key (tenant_id, conversation_id) references conversations (tenant_id, id)
);
call protect_tenant_table('activities');
grant usage on sequence activities_id_seq to switchboard_app;
grant select on activities to switchboard_router;

-- Lists by what they are filtered and sorted by. What has no due date comes after everything that has one.
create index activities_newest on activities (tenant_id, created_at desc, id desc);
create index activities_by_update on activities (tenant_id, updated_at desc, id desc);
create index activities_by_due on activities (tenant_id, coalesce(due_at, 'infinity'::timestamptz), id);
create index activities_by_assignee on activities (tenant_id, assignee_id, coalesce(due_at, 'infinity'::timestamptz), id);
create index activities_of_customer on activities (tenant_id, customer_id, id) where customer_id is not null;
create index activities_of_contact on activities (tenant_id, contact_id, id) where contact_id is not null;
create index activities_of_deal on activities (tenant_id, deal_id, id) where deal_id is not null;
create index activities_of_conversation on activities (tenant_id, conversation_id, id) where conversation_id is not null;

-- Reminders whose time has come and that were not given yet, however long ago that was.
create index activities_to_remind on activities (remind_at)
  where reminded_at is null and remind_at is not null and status = 'open' and deleted_at is null;

-- Out: the most overdue first. Locks: none.
create function due_reminders(at_most integer)
returns table (tenant_id uuid, activity_id integer) language sql stable as $$
  select a.tenant_id, a.id from activities a
  where a.reminded_at is null and a.remind_at <= now() and a.status = 'open' and a.deleted_at is null
  order by a.remind_at limit at_most $$;
call make_router_function('due_reminders(integer)');
