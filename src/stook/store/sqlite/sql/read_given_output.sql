select batch_id, idx, round, since, form, output from given_output where batch_id = ?1 and idx = ?2;
