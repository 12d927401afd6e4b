drop function sweep_deliveries(interval, integer);
drop function channels_with_deliveries(integer);
drop function store_deliveries(json);
drop table webhook_inbox;
