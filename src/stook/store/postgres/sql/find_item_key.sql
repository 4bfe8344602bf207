select i.key, i.idx from item_key i join unnest($1::bytea[], $2::text[]) as k (batch_id, key) using (batch_id, key);
