-- An e-mail address belongs to one person in a tenant, and to as many tenants as like: one tenant cannot keep another's people
-- out by taking their addresses, nor learn that an address is known elsewhere.
-- Locks: access exclusive on user_passwords while its index is built (one row per password). Old code: goes on with
-- password_by_email, and takes the first of several tenants.

alter table user_passwords drop constraint user_passwords_one_per_email;
alter table user_passwords add constraint user_passwords_one_per_email unique (email, tenant_id);

-- The passwords that an address may be meant with, those of active users. In: the address in lower case, the tenant or null for all
-- of them, how many at most. Out: the oldest users first, those of suspended tenants last, so that nobody is crowded out by
-- tenants that take up the same address later. Locks: none.
create function passwords_of_address(address text, tenant uuid, at_most integer)
returns table (tenant_id uuid, user_id uuid, hash text) language sql stable as
$$ select p.tenant_id, p.user_id, p.hash from user_passwords p
   join users u on u.tenant_id = p.tenant_id and u.id = p.user_id
   join tenants t on t.id = p.tenant_id
   where p.email = address and u.status = 'active' and (tenant is null or p.tenant_id = tenant)
   order by t.status = 'suspended', p.user_id limit at_most $$;
call make_router_function('passwords_of_address(text, uuid, integer)');
