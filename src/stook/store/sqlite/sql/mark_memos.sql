update batch set keyed = keyed | 16 where id = ?1 and keyed & 16 = 0 returning id;
