select id, project, source, op, old, new, task from row_change where due_at <= ?1 order by due_at, id limit ?2;
