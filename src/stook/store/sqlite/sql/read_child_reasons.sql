-- Why executions were cancelled, each of its own.
select batch_id, idx, reason from item_change
where batch_id = ?1 and idx = ?2 and kind = 'cancel' order by number desc limit 1;
