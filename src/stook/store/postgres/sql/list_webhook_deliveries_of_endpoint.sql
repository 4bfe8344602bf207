-- `project || ''`: it goes by the endpoint, and not through all of the project, also without statistics.
select id, event_id, name, endpoint_id, project, batch_id, idx, state, run, attempt, next_at, code, error, duration,
       created_at, updated_at
from webhook_delivery
where endpoint_id = $1 and id < $3 and id >= $4 and project || '' = $2
  and ($5::text is null or endpoint_id = $5) and ($6::text is null or event_id = $6) and ($7::text is null or name = $7)
  and ($8::integer is null or idx = $8) and ($9::text is null or state = $9) and created_at >= $11
order by id desc limit $10;
