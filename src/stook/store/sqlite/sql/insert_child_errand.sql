-- For those that wait for the end of execution ?2 of ?1, which is outcome ?3.
insert into errand (kind, batch_id, idx, key, body, at)
select 'child_ended', batch_id, idx, key, ?3 || ':' || ?2 || ':' || lower(hex(?1)), ?4
from wait where child_batch = ?1 and child_idx = ?2;
