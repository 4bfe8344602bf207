-- A project's own goes before that of all.
select k.project, k.task, t.queue, t.policy from unnest($1::text[], $2::text[]) as k (project, task)
join lateral (
    select queue, policy, 0 as rest from project_task p where p.project = k.project and p.name = k.task
    union all
    select queue, policy, 1 from task where name = k.task
    order by rest limit 1
) t on true;
