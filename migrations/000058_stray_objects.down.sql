drop function stray_objects_due(integer);
drop table stray_objects;
