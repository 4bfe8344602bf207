select c.batch_id, c.first, c.count, c.starts, c.keys, c.blobs, s.states
from chunk c join state s on s.batch_id = c.batch_id and s.first = c.first
where c.batch_id = ?1 and c.first = ?2;
