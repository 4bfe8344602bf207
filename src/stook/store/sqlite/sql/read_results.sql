select batch_id, settle, blobs, results from outcome where batch_id = ?1 and settle = ?2;
