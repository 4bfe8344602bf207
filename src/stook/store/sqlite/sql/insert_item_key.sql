insert into item_key (batch_id, key, idx) values (?1, ?2, ?3) on conflict do nothing returning idx;
