-- Files go when their tenant keeps them no longer (settings.retention.mediaDays).
-- Locks: share on attachments while the index is built. Old code: deletes nothing, and shows an expired file as gone.

create index attachments_by_age on attachments (tenant_id, stored_at) where state = 'stored';

-- Files that are older than their tenant keeps them. Out: the oldest of each tenant first. Locks: none.
create function outlived_media(at_most integer)
returns table (tenant_id uuid, attachment_id uuid) language sql stable as $$
  select t.id, a.id from tenants t
  cross join lateral (
    select a.id, a.stored_at from attachments a
    where a.tenant_id = t.id and a.state = 'stored'
      and a.stored_at < now() - make_interval(days => (t.settings->'retention'->>'mediaDays')::integer)
    order by a.stored_at limit at_most) a
  where t.settings->'retention'->>'mediaDays' is not null limit at_most $$;
call make_router_function('outlived_media(integer)');
