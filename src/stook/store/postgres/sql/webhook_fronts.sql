-- Where the queue of an internal project begins.
select p.project, (select min(rank) from segment s where s.project = p.project and s.status + s.held = 0)
from unnest($1::text[]) as p (project);
