drop index messages_by_time;
drop table custom_fields;
