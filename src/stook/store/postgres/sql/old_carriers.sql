-- Locks: batches that carried deliveries and have ended, those nobody else holds.
select id from batch
where task = 'stook.webhook' and phase = 'closed' and finished_at < $1 order by finished_at limit $2
for update skip locked;
