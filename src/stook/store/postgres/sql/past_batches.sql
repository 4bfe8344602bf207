select id from batch where purge_at <= $1 and phase = 'closed' order by purge_at limit $2;
