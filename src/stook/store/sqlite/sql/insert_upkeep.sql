insert into upkeep (queue, done_at) values (?1, ?2) on conflict (queue) do nothing;
