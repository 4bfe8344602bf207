update batch set key = null where id = ?1;
