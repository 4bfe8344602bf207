delete from hosted_actual where number in (select number from hosted_actual where batch_id = ?1 limit ?2);
