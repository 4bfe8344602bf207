update hosted_deployment set token = null, lease_until = null where token = ?1 and state = 'building';
