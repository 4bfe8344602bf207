delete from hosted_version where deployment_id = ?1;
