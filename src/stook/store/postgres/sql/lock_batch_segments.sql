-- Locks: all segments of a batch, by id. The batch and its states are locked before.
select first, pos, stop, picks, status, held from segment where batch_id = $1 order by id for update;
