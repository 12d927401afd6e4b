-- What the tidying of files asks across tenants. Locks: share on attachments while the index is built. Old code: not affected.

create index attachments_unfinished on attachments (created_at) where state = 'awaiting_upload';

-- Uploads that were announced at least `older` ago and that no message ever referred to. Out: oldest first. Locks: none.
create function abandoned_uploads(older interval, at_most integer)
returns table (tenant_id uuid, attachment_id uuid, object_key text) language sql stable as $$
  select a.tenant_id, a.id, a.object_key from attachments a
  where a.state = 'awaiting_upload' and a.object_key is not null and a.created_at < now() - older
  order by a.created_at limit at_most $$;
call make_router_function('abandoned_uploads(interval, integer)');

-- Age in seconds of the oldest file that still waits to be fetched; 0 when there is none. Locks: none.
create function oldest_pending_media() returns double precision language sql stable as $$
  select coalesce(extract(epoch from now() - min(a.created_at)), 0)::double precision
  from attachments a where a.state = 'pending' $$;
call make_router_function('oldest_pending_media()');
