delete from item_change where batch_id = ?1 and idx = ?2 and kind = 'edit' and actor = 'stook.invoke';
