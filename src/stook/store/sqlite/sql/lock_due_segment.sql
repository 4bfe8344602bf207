select id, batch_id, first, pos, stop, picks from segment where id = ?1 and status = 1 and held = 0 and due_at <= ?2;
