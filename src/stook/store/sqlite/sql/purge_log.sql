delete from log where rowid in (select rowid from log where batch_id = ?1 limit ?2);
