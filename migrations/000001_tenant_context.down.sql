-- The two roles stay: other databases of the cluster may use them.
drop procedure make_router_function(regprocedure);
drop procedure protect_tenant_table(regclass, text);
drop function current_tenant();
do $$
begin
  execute format('revoke all on schema %I from switchboard_router', current_schema());
  execute format('revoke all on schema %I from switchboard_app', current_schema());
end $$;
