-- Locks: all states of a batch, in order. The batch is locked before.
select first, states from state where batch_id = $1 order by first for update;
