select token, batch_id, worker from lease where worker = any($1::text[]);
