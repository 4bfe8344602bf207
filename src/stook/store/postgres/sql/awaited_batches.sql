select b.id from unnest($1::bytea[]) as b (id)
where exists (select from wait w where w.child_batch = b.id) or exists (select from errand e where e.batch_id = b.id)
   or exists (select from memo m where m.blob_of = b.id);
