-- Waits for others that insert the same keys, all in one order.
insert into dedupe (
    project, task, key, batch_id, idx
)
select * from unnest(
    $1::text[], $2::text[], $3::text[], $4::bytea[], $5::integer[]
) as k (project, task, key, batch_id, idx)
order by project collate "C", task collate "C", key collate "C";
