-- Locks: keys, which the transaction holds already.
delete from dedupe d using unnest($1::text[], $2::text[], $3::text[]) as k (project, task, key)
where d.project = k.project and d.task = k.task and d.key = k.key;
