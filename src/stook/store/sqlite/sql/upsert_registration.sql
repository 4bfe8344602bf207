insert into registration (
    project, task, app, program, invocable, at
) values (?1, ?2, ?3, ?4, ?5, ?6)
on conflict (project, task) do update
set app = excluded.app, program = excluded.program, invocable = excluded.invocable, at = excluded.at;
