-- What a server remembers: keys, the catalogue of tasks, answers given, actions of operators, quotas of projects.

-- Secrets are known by their SHA-256 alone.
create table api_key (
    id              text collate "C" primary key,
    project         text collate "C" not null,
    name            text not null,
    scopes          text not null,              -- space-separated
    digest          bytea not null,
    old_digest      bytea,                      -- of the secret before the last rotation
    old_until       bigint,                     -- until then it is good as well
    created_at      bigint not null,
    revoked_at      bigint,
    last_used_at    bigint
);
create index api_key_project on api_key (project, created_at, id);

-- What workers said at their start.
create table task (
    name            text collate "C" primary key,
    queue           text not null,
    policy          text not null,
    schema          bytea,                      -- JSON schema of the payload
    seen_at         bigint not null
);

-- One row per idempotency key, for a day. Unfinished without a sign of life: whoever comes next takes it over.
create table request (
    project         text collate "C" not null,
    key             text collate "C" not null,
    method          text not null,
    path            text not null,
    digest          text not null,
    status          integer,                    -- null: unfinished
    body            bytea,
    owner           bigint not null,            -- who began it: told apart from who comes second
    begun_at        bigint not null,
    alive_until     bigint not null,
    primary key (project, key)
) with (fillfactor = 70);
create index request_begun on request (begun_at);

-- Insert-only but for a probing retry's end: what operators did.
create table action (
    id              bytea primary key,
    project         text collate "C" not null,
    kind            text not null,
    batch_id        bytea,
    scope           text not null,
    actor           text not null,
    state           text not null,              -- running | finished | aborted
    affected        bigint not null,
    created_at      bigint not null,
    finished_at     bigint
);
create index action_project on action (project, id);
create index action_batch on action (batch_id, id) where batch_id is not null;
create index action_running on action (batch_id) where state = 'running';

-- Quotas of projects. Only where the queue's size is limited (counted = 1) it is kept: queued_items and queued_bytes,
-- and what queue_change adds to them.
alter table project
    add column created_at bigint,
    add column max_queued_items bigint,
    add column max_payload_bytes bigint,
    add column max_rate double precision,
    add column counted integer not null default 0,
    add column queued_items bigint not null default 0,
    add column queued_bytes bigint not null default 0,
    add column tokens double precision,         -- of the rate's bucket; null: full
    add column tokens_at bigint;
alter table project set (fillfactor = 50);
create index batch_live on batch (project) where phase not in ('closed', 'deleted');

-- Insert-only: what settlements, retries and cancels change does not wait for the project's row.
create table queue_change (
    project         text collate "C" not null,
    items           bigint not null,
    bytes           bigint not null
) with (vacuum_truncate = off, autovacuum_vacuum_cost_delay = 0, autovacuum_vacuum_threshold = 500);
create index queue_change_project on queue_change (project);

-- Bytes of payload ever submitted to a batch of a counted project.
create table batch_size (
    batch_id        bytea primary key,
    project         text collate "C" not null,
    bytes           bigint not null
);
create index batch_size_project on batch_size (project);
