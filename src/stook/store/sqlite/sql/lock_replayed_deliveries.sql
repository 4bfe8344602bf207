-- The state's own condition once more in the words of the index of those not delivered.
select id, event_id, run from webhook_delivery
where endpoint_id = ?1 and id > ?2 and id <= ?3 and state = ?4 and created_at >= ?5
order by id limit ?6;
