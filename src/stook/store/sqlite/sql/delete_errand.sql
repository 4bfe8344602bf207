delete from errand where id = ?1;
