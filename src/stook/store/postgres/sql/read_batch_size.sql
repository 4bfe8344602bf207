select bytes from batch_size where batch_id = $1;
