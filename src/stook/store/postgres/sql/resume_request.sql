update request set owner = $3, alive_until = $4 where project = $1 and key = $2;
