select id, batch_id, first, pos, stop, picks, status from segment where id = ?1;
