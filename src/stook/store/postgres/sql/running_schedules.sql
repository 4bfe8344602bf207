-- Those of which something that they started has not ended.
select k.project, k.task, k.name from unnest($1::text[], $2::text[], $3::text[]) as k (project, task, name)
where exists (
    select 1 from schedule_run r join batch b on b.id = r.batch_id
    where r.project = k.project and r.task = k.task and r.name = k.name and b.phase not in ('closed', 'deleted')
);
