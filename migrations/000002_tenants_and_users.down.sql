drop function list_tenants();
drop function find_tenant(text);
drop table team_members, teams, users, tenants;
