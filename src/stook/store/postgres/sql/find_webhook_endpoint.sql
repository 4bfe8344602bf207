select e.id from unnest($1::text[], $2::text[]) as k (id, project)
join webhook_endpoint e on e.id = k.id and e.project = k.project;
