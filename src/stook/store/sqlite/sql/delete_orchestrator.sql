delete from orchestrator where id = ?1;
