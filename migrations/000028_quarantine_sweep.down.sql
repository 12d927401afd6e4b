drop function sweep_quarantine(interval, integer);
drop index webhook_inbox_quarantine;
