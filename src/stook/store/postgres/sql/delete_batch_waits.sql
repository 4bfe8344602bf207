delete from wait where batch_id = $1;
