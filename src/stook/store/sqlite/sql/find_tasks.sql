-- A project's own goes before that of all.
select ?1, ?2, queue, policy from (
    select queue, policy, 0 as rest from project_task where project = ?1 and name = ?2
    union all
    select queue, policy, 1 from task where name = ?2
)
order by rest limit 1;
