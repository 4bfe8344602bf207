-- Locks: periods that are over, passing over those held. Of batches that have ended or are gone: until then one that is late is still pending.
delete from debounce where ctid = any(array(
    select d.ctid from debounce d left join batch b on b.id = d.batch_id
    where d.due_at <= $1 and (b.id is null or b.phase in ('closed', 'deleted')) limit $2 for update of d skip locked
));
