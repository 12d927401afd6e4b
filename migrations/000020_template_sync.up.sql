-- Numbers whose list of templates is to be read from their network (channels.templates_due_at). Locks: none.
-- Old code: does not call it.
create function channels_with_due_templates(at_most integer)
returns table (tenant_id uuid, channel_id uuid) language sql stable as $$
  select c.tenant_id, c.id from channels c join tenants t on t.id = c.tenant_id
  where c.templates_due_at <= now() and c.deleted_at is null and t.status = 'active'
  order by c.templates_due_at limit at_most $$;
call make_router_function('channels_with_due_templates(integer)');
