delete from row_change where id = ?1;
