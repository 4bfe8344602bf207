select ?1,
       (select min(due_at) from segment where task = ?1 and status = 1 and held = 0),
       (select min(w.due_at) from wait w join batch b on b.id = w.batch_id where w.due_at is not null and b.task = ?1),
       (select min(expires_at) from lease where task = ?1);
