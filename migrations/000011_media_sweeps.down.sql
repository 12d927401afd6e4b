drop function oldest_pending_media();
drop function abandoned_uploads(interval, integer);
drop index attachments_unfinished;
