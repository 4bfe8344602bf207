delete from task_terms where project = $1 and task collate "C" >= $2 and task collate "C" < $3;
