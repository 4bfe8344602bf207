select token, host from hosted_deployment where token is not null and state = 'building';
