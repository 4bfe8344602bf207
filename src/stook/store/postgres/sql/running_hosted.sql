select id from hosted_deployment where state = 'running';
