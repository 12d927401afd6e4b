-- The audit trail becomes a chain. Each row has its number in its tenant, without holes and in the order of commits, and the
-- SHA-256 of the row before it together with its own content; so a row that was altered, taken out or put in is found
-- (switchboard verify-audit). The end of each chain is kept in audit_heads. It is computed by a trigger, so whatever inserts
-- a row, also a former release, inserts it into the chain.
-- Locks: access exclusive on audit_logs while the rows that are there are numbered (about 20,000 a second). Old code: inserts as
-- before; it holds the end of its tenant's chain from its insert to its commit, where new code inserts last.

create table audit_heads (
  tenant_id  uuid primary key references tenants on delete cascade,
  number     bigint not null default 0 check (number >= 0),
  -- of the newest row; empty before the first
  hash       bytea not null default '',
  at         timestamptz
);

alter table audit_logs
  add column number bigint,
  add column hash bytea,
  -- a column of its own, because row security keeps an index from answering what `->>` gives (it is not leakproof)
  add column actor_id text generated always as (actor->>'id') stored;

-- What a row adds to the chain. In: the hash of the row before (empty for the first), and the row. The text of jsonb is
-- canonical: members by length and name, numbers as they were written.
create function audit_hash(previous bytea, entry audit_logs) returns bytea language sql stable as $$
  select sha256(previous || convert_to(jsonb_build_array(
    entry.id, entry.tenant_id, entry.number, entry.actor, entry.action, entry.entity, entry.entity_id, entry.before, entry.after,
    entry.ip, entry.request_id, to_char(entry.created_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'))::text, 'UTF8')) $$;
grant execute on function audit_hash(bytea, audit_logs) to switchboard_app, switchboard_router;

-- The next of its tenant's chain. The moment is that of the insert, not of the transaction, and never before the former
-- row's, so numbers and times are in one order.
-- Locks: the tenant's row of audit_heads, until commit; so it comes after every business row and before the head of the log.
create function chain_audit_row() returns trigger language plpgsql as $$
declare
  head audit_heads;
begin
  select * into head from audit_heads h where h.tenant_id = new.tenant_id for update;
  if not found then
    insert into audit_heads (tenant_id) values (new.tenant_id) on conflict do nothing;
    select * into strict head from audit_heads h where h.tenant_id = new.tenant_id for update;
  end if;
  new.number := head.number + 1;
  new.created_at := greatest(clock_timestamp(), head.at);
  new.hash := audit_hash(head.hash, new);
  update audit_heads h set number = new.number, hash = new.hash, at = new.created_at where h.tenant_id = new.tenant_id;
  return new;
end $$;

-- Rows from before the chain, in the order of their time. Forced row security binds owners too, so it rests meanwhile.
alter table audit_logs no force row level security;
do $$
declare
  entry audit_logs;
  head audit_heads;
begin
  for entry in select * from audit_logs order by tenant_id, created_at, id loop
    if head.tenant_id is distinct from entry.tenant_id then
      head := (entry.tenant_id, 0, '', null);
    end if;
    entry.number := head.number + 1;
    entry.hash := audit_hash(head.hash, entry);
    update audit_logs set number = entry.number, hash = entry.hash where id = entry.id;
    head := (entry.tenant_id, entry.number, entry.hash, entry.created_at);
    insert into audit_heads values (head.tenant_id, head.number, head.hash, head.at)
    on conflict (tenant_id) do update set number = excluded.number, hash = excluded.hash, at = excluded.at;
  end loop;
end $$;
alter table audit_logs force row level security;

call protect_tenant_table('audit_heads', 'select');
grant select, insert, update on audit_heads to switchboard_router;
alter function chain_audit_row() security definer;
do $$ begin
  execute format('alter function chain_audit_row() set search_path = %I, pg_temp', current_schema());
end $$;
alter function chain_audit_row() owner to switchboard_router;
revoke all on function chain_audit_row() from public;
create trigger chain before insert on audit_logs for each row execute function chain_audit_row();

-- Lists: the newest first, by what they are filtered by. A time is turned into a number first.
drop index audit_logs_newest, audit_logs_of_entity;
alter table audit_logs alter column number set not null, alter column hash set not null;
create unique index audit_logs_one_per_number on audit_logs (tenant_id, number);
create index audit_logs_by_time on audit_logs (tenant_id, created_at, number);
create index audit_logs_by_entity on audit_logs (tenant_id, entity, number);
create index audit_logs_by_entity_id on audit_logs (tenant_id, entity_id, number);
create index audit_logs_by_action on audit_logs (tenant_id, action, number);
create index audit_logs_by_actor on audit_logs (tenant_id, actor_id, number);

-- Appends rows of one tenant, in their order. In: the tenant of the transaction and a JSON array of
-- {actor, action, entity, entity_id, before, after, ip, request_id}.
create function append_audit(tenant uuid, batch json) returns void language sql as $$
  insert into audit_logs (tenant_id, actor, action, entity, entity_id, before, after, ip, request_id)
  select tenant, v.actor, v.action, v.entity, v.entity_id, v.before, v.after, v.ip, v.request_id
  from rows from (json_to_recordset(batch) as (actor jsonb, action text, entity text, entity_id text, before jsonb, after jsonb,
    ip text, request_id text)) with ordinality as v(actor, action, entity, entity_id, before, after, ip, request_id, place)
  order by v.place $$;
grant execute on function append_audit(uuid, json) to switchboard_app;
