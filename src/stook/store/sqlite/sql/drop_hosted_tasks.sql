delete from project_task where project = ?1 and name >= ?2 and name < ?3;
