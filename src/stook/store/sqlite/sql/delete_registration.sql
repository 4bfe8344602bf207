delete from registration where project = ?1 and task = ?2;
