-- Locks: sizes of one project's batches; its row is locked before.
delete from batch_size where project = $1;
