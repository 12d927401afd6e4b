drop function take_parked_updates(uuid, text[]);
drop index parked_updates_in_order;
alter table message_versions drop column replaced_by;
