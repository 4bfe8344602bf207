select id, project, name from api_key where revoked_at is null and substr(name, 1, 11) = 'deployment ' order by id;
