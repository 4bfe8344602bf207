-- Locks: batch rows that are not marked yet, in the order of their ids.
with b as (select id from batch where id = any($1::bytea[]) and keyed & 16 = 0 order by id for update)
update batch set keyed = keyed | 16 from b where batch.id = b.id returning batch.id;
