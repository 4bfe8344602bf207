-- Webhooks: where to send, what happened, and what became of sending it. The sending itself is carried by executions of
-- an internal task, in an internal project per endpoint.

alter table batch add column webhooks text;     -- JSON list: endpoints named by its submission
create index batch_carrier on batch (finished_at) where task = 'stook.webhook' and phase = 'closed';

-- Of each project that has endpoints, the events that any of them wants, disabled ones too: what a settlement looks at.
create table webhook_hook (
    project         text collate "C" primary key,
    mask            integer not null
);

create table webhook_endpoint (
    id              text collate "C" primary key,
    project         text collate "C" not null,
    url             text not null,
    description     text not null,
    events          text not null,              -- JSON list of names; [] for the default set
    mask            integer not null,           -- the same as bits
    tasks           text not null,              -- JSON list of names; [] for all
    reach           text not null,              -- all | named: batches that were submitted with its id
    auth_kind       text not null,              -- none | header | bearer
    auth_name       text,
    auth_value      bytea,                      -- sealed
    schemes         text not null,              -- JSON list
    max_concurrency integer not null,
    status          text not null,              -- enabled | disabled
    reason          text,
    secret          bytea not null,             -- sealed
    secret_hint     text not null,
    old_secret      bytea,                      -- sealed; signs as well until old_until
    old_until       bigint,
    failures        integer not null default 0, -- in a row
    failing_since   bigint,
    trial_at        bigint,                     -- the breaker is open; the next may go then
    held_until      bigint,                     -- it asked for a pause
    wake_at         bigint,                     -- more of its deliveries may start then
    created_at      bigint not null,
    updated_at      bigint not null
) with (fillfactor = 50);
create index webhook_endpoint_project on webhook_endpoint (project, created_at, id);
create index webhook_endpoint_wake on webhook_endpoint (wake_at) where wake_at is not null;

-- Insert-only. Ids begin with the time.
create table webhook_event (
    id              text collate "C" primary key,
    project         text collate "C" not null,
    name            text not null,
    batch_id        bytea,
    idx             integer,
    task            text,
    named           text,                       -- JSON list: the endpoints that the batch names
    body            bytea not null,
    at              bigint not null
);
create index webhook_event_project on webhook_event (project, id);
create index webhook_event_at on webhook_event (at);

create table webhook_delivery (
    id              text collate "C" primary key,
    event_id        text collate "C" not null,
    endpoint_id     text collate "C" not null,
    project         text collate "C" not null,
    name            text not null,              -- of the event
    batch_id        bytea,
    idx             integer,
    run             integer not null,           -- a replay begins a new one
    attempt         integer not null,           -- attempts of this run
    state           text not null,              -- pending | delivering | delivered | failed | dead
    next_at         bigint,
    code            integer,
    error           text,
    duration        bigint,
    created_at      bigint not null,
    updated_at      bigint not null
) with (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_cost_delay = 0);
create index webhook_delivery_project on webhook_delivery (project, id);
create index webhook_delivery_endpoint on webhook_delivery (endpoint_id, id);
create index webhook_delivery_undelivered on webhook_delivery (endpoint_id, id) where state <> 'delivered';
create unique index webhook_delivery_event on webhook_delivery (event_id, endpoint_id);
create index webhook_delivery_batch on webhook_delivery (batch_id, id) where batch_id is not null;

-- Insert-only.
create table webhook_attempt (
    delivery_id     text collate "C" not null,
    run             integer not null,
    attempt         integer not null,
    at              bigint not null,
    headers         text not null,              -- JSON, of the request, secrets masked
    code            integer,
    error           text,
    duration        bigint not null,
    answer          bytea not null,             -- the first 2 KiB
    primary key (delivery_id, run, attempt)
);

-- Executions that ended by the thousand at once (a whole batch was cancelled): their events are written from here, in
-- bites. A row is what an outcome's is, less what such an end does not have.
create table webhook_backlog (
    id              bigserial primary key,
    batch_id        bytea not null,
    project         text collate "C" not null,
    task            text collate "C" not null,
    named           text,
    first           integer not null,
    lo              integer not null,
    hi              integer not null,
    picks           bytea,
    state           integer not null,
    round           integer not null,
    at              bigint not null
);
