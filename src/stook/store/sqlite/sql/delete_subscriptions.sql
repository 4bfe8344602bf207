delete from subscription where project = ?1 and task = ?2;
