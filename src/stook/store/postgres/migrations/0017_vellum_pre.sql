-- What hosted code tells while it runs, what people say its outputs should have been, and events of runs elsewhere.

-- Read in the order of their numbers. One that was sent twice may be there twice.
create table hosted_event (
    number          bigint generated always as identity,
    batch_id        bytea not null,
    idx             integer not null,
    id              text not null,
    name            text not null,
    at              bigint not null,            -- by the clock of who told it
    body            bytea not null,             -- JSON
    primary key (batch_id, idx, number)
);

-- The output that should have come. The one with the highest number is the latest.
create table hosted_actual (
    number          bigint generated always as identity,
    batch_id        bytea not null,
    idx             integer not null,
    at              bigint not null,
    body            bytea not null,             -- JSON
    primary key (batch_id, idx, number)
);

-- Sent by programs that run workflows by themselves.
create table ingested_event (
    project         text not null,
    id              text not null,
    name            text not null,
    trace_id        text,
    span_id         text,
    at              bigint not null,            -- when it came
    body            bytea not null,             -- JSON
    primary key (project, id)
);
create index ingested_event_at on ingested_event (project, at, id);
create index ingested_event_trace on ingested_event (project, trace_id, at, id);
