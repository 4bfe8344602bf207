-- Looks at all keys of the project.
select batch_id, idx from dedupe where project = ?1 and key = ?2 order by batch_id, idx;
