-- What the network says of numbers, templates and people arrives late, twice and out of order. `told` keeps when it said
-- each thing, so that an older word never replaces a newer one; it is shown to nobody.
-- Locks: access exclusive on three tables for a moment; constant defaults rewrite nothing (templates_due_at gets the
-- time of the migration). Old code: does not see the columns, and what it writes is older than any news.

-- {"facts": {fact of health: time}, "status": time, "verdict": time, "stop": the reason that news stopped the number for}
alter table channels add column told jsonb not null default '{}';
-- When the list of its templates is to be read; null: its network has none. The lease of whoever reads it, too.
alter table channels add column templates_due_at timestamptz default now();

-- {"row": {column: time}, "detail": {member of detail: time}}
alter table templates add column told jsonb not null default '{}';

-- {"name": time, "picture": time}
alter table contacts add column told jsonb not null default '{}';
