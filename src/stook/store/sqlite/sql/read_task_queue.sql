select queue from segment
where task = ?1 and project = ?2 and status = 0 and held = 0 order by priority desc, rank, id limit 1;
