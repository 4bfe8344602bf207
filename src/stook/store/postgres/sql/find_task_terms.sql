-- Those that hold for work of the project.
select body from task_terms where task = $2 and project = any(array[$1, '']) order by project collate "C" desc limit 1;
