-- $2 holds the kinds, each between commas.
-- Locks: errands, passing over those somebody else does. Nobody waits for them.
select id, kind, batch_id, idx, key, body from errand
where due_at is null and position(',' || kind || ',' in $2) > 0 order by id limit $1 for update skip locked;
