select id from batch where phase = 'deleted' order by id limit 1;
