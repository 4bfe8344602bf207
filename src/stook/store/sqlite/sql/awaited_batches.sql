select ?1 from wait where child_batch = ?1
union all select ?1 from errand where batch_id = ?1
union all select ?1 from memo where blob_of = ?1 limit 1;
