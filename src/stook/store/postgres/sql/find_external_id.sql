select e.name, e.batch_id, e.idx
from unnest($1::text[], $2::text[]) as k (project, name)
cross join lateral (select * from external_id where project = k.project and name = k.name limit 1) e;
