select c.batch_id, c.first, c.starts, c.blobs, c.payloads, s.states, b.keyed, c.extras
from chunk c join state s on s.batch_id = c.batch_id and s.first = c.first join batch b on b.id = c.batch_id
where c.batch_id = ?1 and c.first = ?2;
