select k.event_id, w.batch_id, w.idx, w.key, w.match
from unnest($1::bytea[], $2::text[], $3::text[]) as k (event_id, project, name)
join wait w on w.project = k.project and w.event_name = k.name;
