insert into state (
    batch_id, first, states
) values (?1, ?2, ?3);
