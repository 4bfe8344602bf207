select b.id from batch b
where b.project = ?1 and b.phase not in ('closed', 'deleted') and b.total > 0
  and not exists (select 1 from batch_size s where s.batch_id = b.id);
