-- /ready compares the migrations that ran with those that the code knows, so the application may read their history
-- (names and times, no data of tenants). Locks: none. Old code: not affected.
grant select on switchboard_migrations to switchboard_app;
