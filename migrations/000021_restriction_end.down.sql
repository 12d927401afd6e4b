drop function channels_with_ended_restrictions(integer);
alter table channels drop column restricted_until;
