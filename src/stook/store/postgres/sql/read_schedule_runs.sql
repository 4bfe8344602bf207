-- Those that have not ended.
select r.batch_id from unnest($1::text[], $2::text[], $3::text[]) as k (project, task, name)
join schedule_run r on r.project = k.project and r.task = k.task and r.name = k.name
join batch b on b.id = r.batch_id
where b.phase not in ('closed', 'deleted');
