-- From the chunk that holds item $2 on.
select first, states from state
where batch_id = $1 and first >= coalesce((select max(first) from state where batch_id = $1 and first <= $2), $2)
order by first limit $3;
