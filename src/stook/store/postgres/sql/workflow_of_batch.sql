-- Of which release a batch of a hosted workflow is; `mask`: events that endpoints of its project want. Lateral and
-- `offset 0`: each batch is one look into each index, whatever the statistics say.
select h.batch_id, h.project, h.app, h.label, h.deployment_id, d.facts, b.metadata, b.task, b.webhooks,
       coalesce((select mask from webhook_hook w where w.project = h.project), 0)
from unnest($1::bytea[]) as n (batch_id)
cross join lateral (select * from hosted_batch where batch_id = n.batch_id and dialect = 'vellum' offset 0) h
cross join lateral (select facts from hosted_deployment where id = h.deployment_id offset 0) d
cross join lateral (select metadata, task, webhooks from batch where id = n.batch_id offset 0) b;
