select name, batch_id, idx from external_id where project = ?1 and name = ?2;
