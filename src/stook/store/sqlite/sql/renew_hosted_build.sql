update hosted_deployment set lease_until = ?2 where token = ?1 and state = 'building';
