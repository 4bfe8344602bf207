select key, idx from item_key where batch_id = ?1 and key = ?2;
