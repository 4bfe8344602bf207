-- Of chunks that begin before item $2, the last first.
select first, states from state where batch_id = $1 and first < $2 order by first desc limit $3;
