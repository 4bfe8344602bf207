-- Those that hold for work of the project.
select body from task_terms where task = ?2 and project in (?1, '') order by project desc limit 1;
