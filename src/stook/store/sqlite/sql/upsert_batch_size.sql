insert into batch_size (
    batch_id, project, bytes
) values (?1, ?2, ?3)
on conflict (batch_id) do update set bytes = batch_size.bytes + excluded.bytes;
