select s.project, s.task, s.kind, s.number, s.source, s.ops, s.condition, s.fields
from unnest($1::text[], $2::text[]) as k (project, source)
join subscription s on s.kind = 'row' and s.source = k.source and s.project = k.project;
