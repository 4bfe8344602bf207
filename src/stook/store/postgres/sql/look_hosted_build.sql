select project, id from hosted_deployment where token = $1;
