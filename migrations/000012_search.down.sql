drop index conversations_by_team;
drop index if exists messages_search, customers_search, contact_identities_search, contacts_search;
drop procedure create_search_indexes();
drop function find_messages(text, timestamptz, uuid, integer);
drop function find_customers(text, integer, integer);
drop function find_contacts(text, text, integer, integer);
drop function customer_search_key(text, text, text, text);
drop function contact_search_key(text, text, text, text);
drop function search_key(text);
