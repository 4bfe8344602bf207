delete from segment where rowid in (select rowid from segment where batch_id = ?1 limit ?2);
