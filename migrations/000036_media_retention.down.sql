drop function outlived_media(integer);
drop index attachments_by_age;
