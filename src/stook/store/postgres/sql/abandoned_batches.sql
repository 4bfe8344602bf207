select id from batch where phase = 'open' and open_until <= $1 order by open_until limit $2;
