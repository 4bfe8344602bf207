select e.id, e.batch_id, e.kind, e.body, e.at, b.project
from event e join batch b on b.id = e.batch_id
where e.id > ?1
order by e.id
limit ?2;
