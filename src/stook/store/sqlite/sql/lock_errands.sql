-- ?2 holds the kinds, each between commas.
select id, kind, batch_id, idx, key, body from errand
where due_at is null and instr(?2, ',' || kind || ',') > 0 order by id limit ?1;
