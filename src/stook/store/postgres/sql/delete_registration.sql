delete from registration r using unnest($1::text[], $2::text[]) as k (project, task)
where r.project = k.project and r.task = k.task;
