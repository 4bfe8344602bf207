select s.project, s.task, s.kind, s.number, s.source, s.ops, s.condition, s.fields
from unnest($1::text[], $2::text[]) as k (project, task)
join subscription s on s.project = k.project and s.task = k.task;
