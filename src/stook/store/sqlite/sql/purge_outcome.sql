delete from outcome where rowid in (select rowid from outcome where batch_id = ?1 limit ?2);
