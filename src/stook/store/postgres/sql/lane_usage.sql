-- Executions of a task in a project that workers hold, by lane, and the calls of the handler they make.
select l.project, l.task, l.lane, sum(l.live)::bigint,
       (sum(case when l.grp = 0 then l.live else 0 end) + count(distinct nullif(l.grp, 0)))::bigint
from unnest($1::text[], $2::text[]) as k (project, task)
join lease l on l.project = k.project and l.task = k.task
group by l.project, l.task, l.lane;
