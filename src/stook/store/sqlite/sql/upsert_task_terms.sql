insert into task_terms (project, task, body, declared) values (?1, ?2, ?3, ?4)
on conflict (project, task) do update set body = excluded.body, declared = excluded.declared;
