-- All there are, whoever does them.
select batch_id, idx, key from errand where kind = 'child_ended' order by id;
