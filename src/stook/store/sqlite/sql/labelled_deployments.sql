-- Those that have a label left.
select ?1 where exists (select 1 from hosted_version where deployment_id = ?1);
