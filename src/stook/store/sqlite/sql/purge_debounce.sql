-- Of batches that have ended or are gone: until then one that is late is still pending.
delete from debounce where (project, task, key) in (
    select d.project, d.task, d.key from debounce d left join batch b on b.id = d.batch_id
    where d.due_at <= ?1 and (b.id is null or b.phase in ('closed', 'deleted')) limit ?2
);
