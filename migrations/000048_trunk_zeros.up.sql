-- Numbers that were written down with the 0 that is dialled within their country alone (`+49 0171 …`) are the same numbers as
-- those without it, when duplicates are looked for.
-- Locks: row exclusive on contact_identities; the few numbers that are written so are keyed anew. Old code: not affected.

-- As in 000029, and before it: of countries in which that 0 is no part of the number (in Italy it is) it is taken out. Digits in,
-- digits out.
create or replace function phone_key(digits text) returns text language sql immutable strict parallel safe
return (
  select case
    when n.d ~ '^55\d\d9\d{8}$' then left(n.d, 4) || right(n.d, 8)
    when n.d ~ '^521\d{10}$' then '52' || right(n.d, 10)
    when n.d ~ '^549\d{10}$' then '54' || right(n.d, 10)
    else n.d
  end
  from (select regexp_replace(digits,
    '^(20|27|3[0-4]|4[013469]|48|51|5[4-8]|6[0-6]|8[1246]|9[0-58]|212|213|216|218|234|25[4-6]|351|353|358|359|38[0-79]|420|421|88[06]|9[67][1-7]|99[2-68])0([1-9]\d{5,})$',
    '\1\2') as d) n);

alter table contact_identities no force row level security;
update contact_identities set value = value where kind in ('phone', 'wa_id') and phone_key is distinct from phone_key(value);
alter table contact_identities force row level security;
