update request set status = $3, body = $4 where project = $1 and key = $2 and status is null;
