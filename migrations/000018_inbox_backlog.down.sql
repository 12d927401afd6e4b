drop function inbox_backlog();
drop index webhook_inbox_oldest;
