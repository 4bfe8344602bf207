select s.idx, s.first, s.waiting, (select count(*) from wait w where w.batch_id = s.batch_id and w.idx = s.idx)
from suspension s where s.batch_id = $1 order by s.idx;
