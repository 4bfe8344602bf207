delete from subscription s using unnest($1::text[], $2::text[]) as k (project, task)
where s.project = k.project and s.task = k.task;
