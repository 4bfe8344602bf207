select t.task,
       (select min(s.due_at) from segment s where s.task = t.task and s.status = 1 and s.held = 0),
       (select min(w.due_at) from wait w join batch b on b.id = w.batch_id
        where w.due_at is not null and b.task = t.task),
       (select min(l.expires_at) from lease l where l.task = t.task)
from unnest($1::text[]) as t (task);
