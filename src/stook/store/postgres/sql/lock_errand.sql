-- Locks: one errand, passing over one that somebody else does.
select id, kind, batch_id, idx, key, body from errand where id = $1 and due_at is null for update skip locked;
