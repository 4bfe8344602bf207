-- Waits for claims under way: what they took is a lease afterwards.
delete from segment where batch_id = ?1;
