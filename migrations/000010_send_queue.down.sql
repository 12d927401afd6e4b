drop function sweep_parked_updates();
drop function outbound_backlog();
revoke select, delete on parked_updates from switchboard_router;
alter table channel_lanes drop column pauses;
drop index messages_unknown;
drop index messages_queued_in_conversation;
drop index messages_queued;
create index messages_queued on messages (tenant_id, channel_id, priority, conversation_id, seq) where status = 'queued';
