select id, first, pos, stop, picks, status, round from segment where batch_id = ?1 and first = ?2;
