drop function due_snoozes(integer);
drop function due_attachments(integer);
drop function abandoned_attempts(integer);
drop function channels_with_due_sends(integer);
drop table parked_updates, send_attempts, message_versions, messages, attachments, conversations, conversation_counters;
