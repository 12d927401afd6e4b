revoke update (contact_id) on consents from switchboard_app;
