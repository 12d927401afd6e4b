-- Words about marketing go with the person when two contacts are merged. What was said, and when, still cannot be changed.
-- Locks: access exclusive on consents for the grant alone. Old code: not affected.
grant update (contact_id) on consents to switchboard_app;
