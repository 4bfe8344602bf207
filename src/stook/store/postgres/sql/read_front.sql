-- Where a batch stands in its queue. Said in other words than segment_ready and segment_rank, so that it goes by the
-- batch, and not through all that is ready, also without statistics.
select priority, rank, id, lane from segment
where batch_id = $1 and status + 0 = 0 and held + 0 = 0 order by priority desc, rank, id limit 1;
