delete from suspension where batch_id = $1;
