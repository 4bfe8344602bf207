-- Locks: the new rows, in the order of their ids.
insert into ingested_event (project, id, name, trace_id, span_id, at, body)
select n.project, n.id, n.name, n.trace_id, n.span_id, n.at, n.body
from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::bigint[], $7::bytea[])
    as n (project, id, name, trace_id, span_id, at, body)
on conflict (project, id) do nothing;
