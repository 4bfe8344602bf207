select id, batch_id from segment where status = 1 and held = 0 and due_at <= ?1 order by due_at limit ?2;
