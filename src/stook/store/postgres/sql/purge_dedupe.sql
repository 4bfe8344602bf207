delete from dedupe where ctid = any(array(
    select ctid from dedupe where batch_id = $1 and free_at is null limit $2
));
