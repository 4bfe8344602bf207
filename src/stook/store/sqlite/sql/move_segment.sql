update segment set pos = ?2 where id = ?1;
