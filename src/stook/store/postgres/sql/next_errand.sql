select id, kind, batch_id, idx, key, body from errand
where due_at is null and position(',' || kind || ',' in $2) > 0 and id > $1 order by id limit 1;
