delete from batch_size where project = ?1;
