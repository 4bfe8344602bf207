delete from outcome where batch_id = ?1;
