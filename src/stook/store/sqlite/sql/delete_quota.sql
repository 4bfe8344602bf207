delete from quota where scope = ?1 and project = ?2 and name = ?3;
