drop function due_reminders(integer);
drop table activities;
