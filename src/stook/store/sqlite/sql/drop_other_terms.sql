-- Of projects whose own workers do not know the task: what was found in its work, or changed by hand, under another
-- definition.
delete from task_terms
where task = ?1 and project <> '' and declared is not ?2
  and not exists (select 1 from project_task p where p.project = task_terms.project and p.name = ?1);
