-- News about messages: which edit replaced a former text, so that the same edit twice is one version; and taking parked
-- news in one step.
-- Locks: share on message_versions and parked_updates while the indexes are made, access exclusive on message_versions
-- for a moment. Old code: not affected.

-- The network's id of the edit that replaced this version; null when a deletion did.
alter table message_versions add column replaced_by text;
create unique index message_versions_one_per_edit on message_versions (tenant_id, message_id, replaced_by)
  where replaced_by is not null;

-- The oldest of a number go first when there are too many.
create index parked_updates_in_order on parked_updates (tenant_id, channel_id, id);

-- Takes the parked news of messages that just appeared, or just learnt the network's id of them. In: their channel and
-- those ids. Out: the news, in the order they came.
-- Locks: the channel's parking, shared, until commit; the rows. Whoever parks holds it alone (parked-updates.ts), so news
-- is never parked beside the transaction that brings its message. Not SQL but plpgsql: what stands behind the lock must see
-- what was committed while it waited.
create function take_parked_updates(of_channel uuid, ids text[]) returns table (item jsonb) language plpgsql as $$
begin
  perform pg_advisory_xact_lock_shared(hashtextextended('switchboard parking ' || of_channel, 0));
  return query
    with taken as (
      delete from parked_updates p using messages m
      where p.tenant_id = (select current_tenant()) and p.channel_id = of_channel and p.provider_message_id = any (ids)
        and m.tenant_id = p.tenant_id and m.channel_id = p.channel_id and m.provider_message_id = p.provider_message_id
      returning p.id, p.item)
    select t.item from taken t order by t.id;
end $$;
grant execute on function take_parked_updates(uuid, text[]) to switchboard_app;
