-- A project whose queue nobody limits gets none.
insert into queue_change (project, items, bytes)
select p.name, ?5 - ?4, coalesce(s.bytes * ?5 / ?3 - s.bytes * ?4 / ?3, 0)
from project p left join batch_size s on s.batch_id = ?2
where p.name = ?1 and p.counted = 1;
