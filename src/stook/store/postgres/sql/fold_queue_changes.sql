-- Locks: changes of one project; its row is locked before.
delete from queue_change where project = $1 returning items, bytes;
