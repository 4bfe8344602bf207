update request r set done = n.done from unnest($1::text[], $2::text[], $3::bytea[]) as n (project, key, done)
where r.project = n.project and r.key = n.key;
