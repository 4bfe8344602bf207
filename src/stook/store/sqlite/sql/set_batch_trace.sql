update batch set trace = ?2 where id = ?1;
