-- Locks: the project's hook, before its endpoints.
insert into webhook_hook (
    project, mask
)
select project, 0 from unnest($1::text[]) as n (project)
on conflict (project) do update set mask = webhook_hook.mask returning mask;
