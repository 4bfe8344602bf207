-- Of which release a batch of a hosted workflow is; `mask`: events that endpoints of its project want.
select h.batch_id, h.project, h.app, h.label, h.deployment_id, d.facts, b.metadata, b.task, b.webhooks,
       coalesce((select mask from webhook_hook w where w.project = h.project), 0)
from hosted_batch h
join hosted_deployment d on d.id = h.deployment_id
join batch b on b.id = h.batch_id
where h.batch_id = ?1 and h.dialect = 'vellum';
