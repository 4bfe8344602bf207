insert into quota (scope, project, name, max_concurrency, paused)
select 'project', n.project, '', n.most, n.paused
from unnest($1::text[], $2::integer[], $3::integer[]) as n (project, most, paused)
on conflict (scope, project, name) do update set max_concurrency = excluded.max_concurrency, paused = excluded.paused;
