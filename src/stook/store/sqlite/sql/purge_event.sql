delete from event where rowid in (select rowid from event where batch_id = ?1 limit ?2);
