select first, pos, stop, picks, status from segment where batch_id = ?1 and first = ?2;
