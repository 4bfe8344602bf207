-- Of which release a batch of a hosted workflow is; `mask`: events that endpoints of its project want.
select h.batch_id, h.project, h.app, h.label, h.deployment_id, d.facts, b.metadata, b.task, b.webhooks,
       coalesce((select mask from webhook_hook w where w.project = h.project), 0)
from unnest($1::bytea[]) as n (batch_id)
join hosted_batch h on h.batch_id = n.batch_id and h.dialect = 'vellum'
join hosted_deployment d on d.id = h.deployment_id
join batch b on b.id = h.batch_id;
