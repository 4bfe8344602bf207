select settle + count from outcome where batch_id = $1 order by settle desc limit 1;
