drop function match_contacts(text[], text[], boolean, integer, integer);
drop function match_records(text, text[], text[], boolean, integer, integer);
