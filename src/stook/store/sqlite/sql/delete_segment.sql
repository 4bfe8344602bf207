delete from segment where id = ?1;
