delete from batch where id = ?1 and phase = 'deleted';
