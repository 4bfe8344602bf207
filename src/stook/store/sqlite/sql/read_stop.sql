select id, stop from batch where id = ?1;
