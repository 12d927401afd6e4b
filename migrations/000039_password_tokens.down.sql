drop function password_token_by_hash(bytea);
drop table password_tokens;
