select id, host, process, version, schema, started_at, seen_at, stop_asked_at from orchestrator order by id;
