insert into loss (
    batch_id, idx, token
) values (?1, ?2, ?3);
