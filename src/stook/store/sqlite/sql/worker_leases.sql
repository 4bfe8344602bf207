select token, batch_id, worker from lease where worker = ?1;
