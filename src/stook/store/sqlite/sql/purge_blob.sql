delete from blob where rowid in (select rowid from blob where batch_id = ?1 limit ?2);
