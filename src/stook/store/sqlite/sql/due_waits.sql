select batch_id, idx, key from wait where due_at <= ?1 order by due_at limit ?2;
