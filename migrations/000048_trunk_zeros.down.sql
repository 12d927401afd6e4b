create or replace function phone_key(digits text) returns text language sql immutable strict parallel safe
return case
  when digits ~ '^55\d\d9\d{8}$' then left(digits, 4) || right(digits, 8)
  when digits ~ '^521\d{10}$' then '52' || right(digits, 10)
  when digits ~ '^549\d{10}$' then '54' || right(digits, 10)
  else digits
end;
alter table contact_identities no force row level security;
update contact_identities set value = value where kind in ('phone', 'wa_id') and phone_key is distinct from phone_key(value);
alter table contact_identities force row level security;
