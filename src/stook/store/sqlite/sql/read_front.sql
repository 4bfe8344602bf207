-- Where a batch stands in its queue.
select priority, rank, id, lane from segment
where batch_id = ?1 and status = 0 and held = 0 order by priority desc, rank, id limit 1;
