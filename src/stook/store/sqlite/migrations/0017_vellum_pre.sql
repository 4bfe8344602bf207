-- What hosted code tells while it runs, what people say its outputs should have been, and events of runs elsewhere.

-- Read in the order of their numbers. One that was sent twice may be there twice.
create table hosted_event (
    number          integer primary key autoincrement,
    batch_id        blob not null,
    idx             integer not null,
    id              text not null,
    name            text not null,
    at              integer not null,           -- by the clock of who told it
    body            blob not null               -- JSON
);
create index hosted_event_of on hosted_event (batch_id, idx, number);

-- The output that should have come. The one with the highest number is the latest.
create table hosted_actual (
    number          integer primary key autoincrement,
    batch_id        blob not null,
    idx             integer not null,
    at              integer not null,
    body            blob not null               -- JSON
);
create index hosted_actual_of on hosted_actual (batch_id, idx, number);

-- Sent by programs that run workflows by themselves.
create table ingested_event (
    project         text not null,
    id              text not null,
    name            text not null,
    trace_id        text,
    span_id         text,
    at              integer not null,           -- when it came
    body            blob not null,              -- JSON
    primary key (project, id)
) without rowid;
create index ingested_event_at on ingested_event (project, at, id);
create index ingested_event_trace on ingested_event (project, trace_id, at, id);
