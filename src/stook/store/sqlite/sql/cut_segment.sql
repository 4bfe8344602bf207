update segment set pos = 0, stop = ?2, picks = ?3 where id = ?1;
