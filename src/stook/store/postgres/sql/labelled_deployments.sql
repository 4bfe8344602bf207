-- Those that have a label left.
select k.id from unnest($1::text[]) as k (id)
where exists (select from hosted_version v where v.deployment_id = k.id);
