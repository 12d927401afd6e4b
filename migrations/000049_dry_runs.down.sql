drop table import_draft_keys;
drop table import_drafts;
