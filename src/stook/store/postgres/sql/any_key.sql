select 1 from api_key where project = $1 limit 1;
