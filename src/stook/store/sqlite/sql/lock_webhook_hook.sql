insert into webhook_hook (project, mask) values (?1, 0) on conflict (project) do update set mask = mask returning mask;
