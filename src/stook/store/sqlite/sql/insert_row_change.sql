insert into row_change (project, source, op, old, new, task, due_at) values (?1, ?2, ?3, ?4, ?5, ?6, ?7);
