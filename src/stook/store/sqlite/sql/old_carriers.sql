select id from batch
where task = 'stook.webhook' and phase = 'closed' and finished_at < ?1 order by finished_at limit ?2;
