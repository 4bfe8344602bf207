select first, pos, stop, picks, status, held from segment where batch_id = ?1;
