select stop_asked_at, (select max(number) from breaking) from orchestrator where id = $1;
