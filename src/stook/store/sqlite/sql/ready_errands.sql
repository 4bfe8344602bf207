update errand set due_at = null
where id in (select id from errand where due_at <= ?1 order by due_at limit ?2);
