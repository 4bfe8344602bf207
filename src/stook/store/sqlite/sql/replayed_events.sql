select v.id, v.name, v.batch_id, v.idx, v.task, v.named, d.id, d.run
from webhook_event v left join webhook_delivery d on d.event_id = v.id and d.endpoint_id = ?2
where v.project = ?1 and v.id > ?3 and v.id <= ?4 and v.at >= ?5
order by v.id limit ?6;
