select ?1, batch_id, idx, key, match from wait where project = ?2 and event_name = ?3;
