delete from orchestrator where id = any($1::text[]);
