-- Keys that hosts gave to deployments and that open something still: few of all there ever were.
create index api_key_hosted on api_key (id) where revoked_at is null and substr(name, 1, 11) = 'deployment ';
