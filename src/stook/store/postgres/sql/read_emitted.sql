select e.id, e.project, e.name, e.payload, e.at from unnest($1::bytea[]) as k (id) join emitted e on e.id = k.id;
