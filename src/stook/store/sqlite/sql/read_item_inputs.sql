-- Changed inputs of the items from ?2 to ?3 - 1, earlier ones too.
select idx, number, payload, is_blob from item_change
where batch_id = ?1 and idx >= ?2 and idx < ?3 and kind = 'edit';
