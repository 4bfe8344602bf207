update webhook_hook set mask = n.mask from unnest($1::text[], $2::integer[]) as n (project, mask)
where webhook_hook.project = n.project;
