drop function maintain_event_partitions(integer, integer);
drop function heads_of(uuid[]);
drop function append_events(uuid, json);
drop table events;
drop table tenant_heads;
