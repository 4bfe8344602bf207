select id from orchestrator where seen_at < $1 order by id limit $2;
