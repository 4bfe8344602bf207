select id, kind, batch_id, idx, key, body from errand
where due_at is null and instr(?2, ',' || kind || ',') > 0 and id > ?1 order by id limit 1;
