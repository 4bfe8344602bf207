select id from batch
where project = ?1 and id >= ?2 and phase <> 'deleted' and (?3 is null or task = ?3) and (?4 is null or queue = ?4)
      and (?5 = 0 or phase <> 'closed')
order by id limit ?6;
