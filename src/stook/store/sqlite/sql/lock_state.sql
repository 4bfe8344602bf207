select batch_id, first, states from state where batch_id = ?1 and first = ?2;
