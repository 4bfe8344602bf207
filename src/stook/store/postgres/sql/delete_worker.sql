delete from worker where id = any($1::text[]);
