drop index notes_newest, notes_by_update, notes_of_customer, notes_of_contact, notes_of_deal;
drop table contact_merges;
drop index contacts_by_email, contact_identities_by_phone;
alter table contact_identities drop column phone_key;
drop function phone_key(text);
drop index contacts_one_primary, contacts_newest, contacts_by_update, contacts_by_name;
