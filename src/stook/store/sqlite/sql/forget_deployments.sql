delete from deployment where worker = ?1 or seen_at < ?2;
