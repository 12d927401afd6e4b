-- Of an address that several tenants have, the oldest user keeps the password; the others get a new one from an admin.
drop function passwords_of_address(text, uuid, integer);
-- Forced row security binds owners too, so it rests meanwhile.
alter table user_passwords no force row level security;
delete from user_passwords p
using user_passwords older where older.email = p.email and older.user_id < p.user_id;
alter table user_passwords force row level security;
alter table user_passwords drop constraint user_passwords_one_per_email;
alter table user_passwords add constraint user_passwords_one_per_email unique (email);
