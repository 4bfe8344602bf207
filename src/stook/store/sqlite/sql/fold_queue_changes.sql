delete from queue_change where project = ?1 returning items, bytes;
