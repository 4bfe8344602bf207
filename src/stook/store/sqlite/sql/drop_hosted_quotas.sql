delete from quota where scope = 'task' and project = ?1 and name >= ?2 and name < ?3;
