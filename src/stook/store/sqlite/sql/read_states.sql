select first, states from state where batch_id = ?1 order by first;
