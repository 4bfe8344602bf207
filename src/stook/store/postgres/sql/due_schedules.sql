select project, task, name from schedule where due_at <= $1 and paused = 0 order by due_at limit $2;
