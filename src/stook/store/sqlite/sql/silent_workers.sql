select id from worker w where seen_at < ?1 and not exists (select 1 from lease l where l.worker = w.id)
order by id limit ?2;
