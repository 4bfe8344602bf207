delete from state where batch_id = ?1;
