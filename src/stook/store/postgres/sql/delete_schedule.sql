delete from schedule s using unnest($1::text[], $2::text[], $3::text[]) as k (project, task, name)
where s.project = k.project and s.task = k.task and s.name = k.name;
