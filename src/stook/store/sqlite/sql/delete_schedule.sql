delete from schedule where project = ?1 and task = ?2 and name = ?3;
