-- Of projects whose own workers do not know the task: what was found in its work, or changed by hand, under another
-- definition.
delete from task_terms t using unnest($1::text[], $2::text[]) as k (task, text)
where t.task = k.task and t.project <> '' and t.declared is distinct from k.text
  and not exists (select 1 from project_task p where p.project = t.project and p.name = t.task);
