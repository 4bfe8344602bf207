select body from ingested_event where project = ?1 and trace_id = ?2 order by at desc, id desc limit ?3 offset ?4;
