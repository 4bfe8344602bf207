delete from quota where scope = 'task' and project = $1 and name collate "C" >= $2 and name collate "C" < $3;
