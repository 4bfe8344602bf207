delete from quota q using unnest($1::text[], $2::text[], $3::text[]) as k (scope, project, name)
where q.scope = k.scope and q.project = k.project and q.name = k.name;
