insert into ingested_event (project, id, name, trace_id, span_id, at, body) values (?1, ?2, ?3, ?4, ?5, ?6, ?7)
on conflict (project, id) do nothing;
