insert into deployment (
    project, task, worker, program, at, seen_at
) values (?1, ?2, ?3, ?4, ?5, ?6)
on conflict (project, task, worker) do update
set program = excluded.program, at = excluded.at, seen_at = excluded.seen_at;
