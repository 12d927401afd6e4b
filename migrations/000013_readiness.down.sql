revoke select on switchboard_migrations from switchboard_app;
