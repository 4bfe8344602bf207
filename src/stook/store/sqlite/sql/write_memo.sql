-- The first under a key stays; a `state` is replaced by later ones.
insert into memo (
    batch_id, idx, key, kind, value, blob_of, error, code, child_batch, child_idx, seq, at
) values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)
on conflict (batch_id, idx, key) do update
set value = excluded.value, code = excluded.code, seq = excluded.seq, at = excluded.at
where memo.kind = 'state' and excluded.kind = 'state';
