-- A guard against silent rewinding: a database that was restored to a moment of the past, or a standby that was promoted
-- without the last commits, has another lineage, and then every tenant's log begins a new epoch by itself. Otherwise new
-- events would get the numbers of lost ones, and clients that saw those would never notice.
-- Locks: exclusive on tenant_heads for a moment, to drop a column that nothing used. Old code: not affected.

alter table tenant_heads drop column lineage;

create table log_lineage (
  one      boolean primary key default true check (one),
  -- system identifier and timeline of the server that the log was last written by
  lineage  text not null
);
grant select, insert, update on log_lineage to switchboard_router;
grant update (epoch, seq) on tenant_heads to switchboard_router;

-- Compares the server with the one that the log was written by; called by every new connection, before its first
-- statement. Out: how many logs began a new epoch, or null on a standby, which must be asked again: it may be promoted under
-- an open connection. A server that does not tell about itself (some managed ones) is believed; then only the operator's
-- command begins an epoch. Locks: none while all is well; else the one row here and the heads.
create function guard_lineage() returns integer language plpgsql as $$
declare
  present text;
  moved integer;
begin
  if pg_is_in_recovery() then return null; end if;
  present := (select c.system_identifier from pg_control_system() c) || ' ' || left(pg_walfile_name(pg_current_wal_lsn()), 8);
  if exists (select from log_lineage l where l.lineage = present) then return 0; end if;
  insert into log_lineage (lineage) values (present) on conflict do nothing;
  if found then return 0; end if;
  perform from log_lineage for update;
  if exists (select from log_lineage l where l.lineage = present) then return 0; end if;
  update tenant_heads set epoch = epoch + 1, seq = 0;
  get diagnostics moved = row_count;
  update log_lineage set lineage = present;
  return moved;
exception when insufficient_privilege then
  return 0;
end $$;
call make_router_function('guard_lineage()');
select guard_lineage();
