delete from chunk where rowid in (select rowid from chunk where batch_id = ?1 limit ?2);
