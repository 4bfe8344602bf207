delete from memo where batch_id = ?1 and idx = ?2 and error is not null;
