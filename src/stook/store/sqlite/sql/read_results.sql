select settle, blobs, results from outcome where batch_id = ?1 and settle = ?2;
