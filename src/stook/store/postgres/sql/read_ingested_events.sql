select body from ingested_event where project = $1 order by at desc, id desc limit $2 offset $3;
