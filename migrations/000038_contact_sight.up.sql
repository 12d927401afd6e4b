-- Who may hear of a contact hangs on the numbers that it writes on, so whoever reads the log gets them with events about
-- contacts, just as it gets the places of conversations.
-- Locks: none of tables. Old code: leaves what it does not know in the answers alone, and hears no event of the new scopes.

-- The numbers on which a contact has conversations, live or not; [] when there are none. Of the present tenant. Locks: none.
create function channels_of_contact(contact integer) returns json language sql stable as $$
  select coalesce(json_agg(distinct c.channel_id), '[]') from conversations c
  where c.tenant_id = (select current_tenant()) and c.contact_id = contact $$;
grant execute on function channels_of_contact(integer) to switchboard_app;

-- As in 000014, with the numbers of the contact behind each event whose scope names one.
create or replace function read_log(tenant uuid, of_epoch bigint, after bigint, most integer, farthest bigint)
returns json language plpgsql as $$
declare
  found json;
begin
  perform set_config('app.tenant_id', tenant::text, true);
  select json_build_array(h.epoch, h.seq, coalesce((
    select json_agg(json_build_array(
        e.seq, e.type, to_char(e.occurred_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'), e.scope,
        c.channel_id, c.assignee_id, c.team_id, e.actor::text, e.payload::text,
        case when e.scope->>'contactId' is not null then channels_of_contact((e.scope->>'contactId')::integer) end) order by e.seq)
    from events e left join conversations c on c.tenant_id = e.tenant_id and c.id = e.conversation_id
    where e.tenant_id = tenant and e.epoch = of_epoch and e.seq > after and e.seq <= after + most
      and h.epoch = of_epoch and h.seq > after and h.seq - after <= farthest), '[]'))
  into found from tenant_heads h where h.tenant_id = tenant;
  return found;
end $$;

drop function append_events(uuid, json, boolean);
-- As in 000016, and when to tell, [[contact, [number …]] …] for the contacts that scopes name. They are the ones at this
-- head for the same reason: a contact gets a conversation only in a transaction that appends.
create function append_events(
  tenant uuid, batch json, tell boolean default false,
  out epoch integer, out seq bigint, out at text, out places json, out contacts json
) language plpgsql as $$
declare
  size constant integer := json_array_length(batch);
  moment timestamptz;
begin
  update tenant_heads h set seq = h.seq + size where h.tenant_id = tenant returning h.epoch, h.seq into epoch, seq;
  if not found then
    raise exception 'tenant % has no head row', tenant using errcode = 'no_data_found';
  end if;
  moment := clock_timestamp();
  insert into events (tenant_id, epoch, seq, type, scope, conversation_id, actor, payload, occurred_at)
  select tenant, append_events.epoch, append_events.seq - size + e.place,
         e.item->>'type', e.item->'scope', (e.item->>'conversationId')::uuid, e.item->'actor', e.item->'payload', moment
  from json_array_elements(batch) with ordinality as e(item, place);
  if tell then
    at := to_char(moment at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"');
    select json_agg(json_build_array(c.id, c.channel_id, c.assignee_id, c.team_id)) into places
    from conversations c
    where c.tenant_id = tenant
      and c.id = any (array(select (e.item->>'conversationId')::uuid from json_array_elements(batch) as e(item)));
    if strpos(batch::text, '"contactId":') > 0 then
      select json_agg(json_build_array(k.id, channels_of_contact(k.id))) into contacts
      from (select distinct (e.item->'scope'->>'contactId')::integer as id from json_array_elements(batch) as e(item)
            where e.item->'scope'->>'contactId' is not null) k;
    end if;
  end if;
end $$;
grant execute on function append_events(uuid, json, boolean) to switchboard_app;
