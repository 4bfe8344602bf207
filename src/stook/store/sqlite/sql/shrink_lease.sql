update lease set picks = ?2, live = ?3 where token = ?1;
