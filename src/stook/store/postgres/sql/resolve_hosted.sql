-- The label, if some deployment has it, and the one that moved last.
select * from (
    select 1 as exact, v.label, v.id, v.deployment_id, a.names
    from hosted_version v
    join hosted_app a on a.deployment_id = v.deployment_id and a.app = v.app
    where v.project = $1 and v.dialect = $2 and v.app = $3 and v.label = $4
) as literal
union all
select * from (
    select 0 as exact, v.label, v.id, v.deployment_id, a.names
    from hosted_version v
    join hosted_app a on a.deployment_id = v.deployment_id and a.app = v.app
    where v.project = $1 and v.dialect = $2 and v.app = $3
    order by v.moved_at desc, v.label limit 1
) as newest;
