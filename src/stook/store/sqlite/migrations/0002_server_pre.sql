-- What a server remembers: keys, the catalogue of tasks, answers given, actions of operators, quotas of projects.

-- Secrets are known by their SHA-256 alone.
create table api_key (
    id              text primary key,
    project         text not null,
    name            text not null,
    scopes          text not null,              -- space-separated
    digest          blob not null,
    old_digest      blob,                       -- of the secret before the last rotation
    old_until       integer,                    -- until then it is good as well
    created_at      integer not null,
    revoked_at      integer,
    last_used_at    integer
) without rowid;
create index api_key_project on api_key (project, created_at, id);

-- What workers said at their start.
create table task (
    name            text primary key,
    queue           text not null,
    policy          text not null,
    schema          blob,                       -- JSON schema of the payload
    seen_at         integer not null
) without rowid;

-- One row per idempotency key, for a day. Unfinished without a sign of life: whoever comes next takes it over.
create table request (
    project         text not null,
    key             text not null,
    method          text not null,
    path            text not null,
    digest          text not null,
    status          integer,                    -- null: unfinished
    body            blob,
    owner           integer not null,           -- who began it: told apart from who comes second
    begun_at        integer not null,
    alive_until     integer not null,
    primary key (project, key)
) without rowid;
create index request_begun on request (begun_at);

-- Insert-only but for a probing retry's end: what operators did.
create table action (
    id              blob primary key,
    project         text not null,
    kind            text not null,
    batch_id        blob,
    scope           text not null,
    actor           text not null,
    state           text not null,              -- running | finished | aborted
    affected        integer not null,
    created_at      integer not null,
    finished_at     integer
) without rowid;
create index action_project on action (project, id);
create index action_batch on action (batch_id, id) where batch_id is not null;
create index action_running on action (batch_id) where state = 'running';

-- Quotas of projects. Only where the queue's size is limited (counted = 1) it is kept: queued_items and queued_bytes,
-- and what queue_change adds to them.
alter table project add column created_at integer;
alter table project add column max_queued_items integer;
alter table project add column max_payload_bytes integer;
alter table project add column max_rate real;
alter table project add column counted integer not null default 0;
alter table project add column queued_items integer not null default 0;
alter table project add column queued_bytes integer not null default 0;
alter table project add column tokens real;     -- of the rate's bucket; null: full
alter table project add column tokens_at integer;
create index batch_live on batch (project) where phase not in ('closed', 'deleted');

-- Insert-only: what settlements, retries and cancels change does not wait for the project's row.
create table queue_change (project text not null, items integer not null, bytes integer not null);
create index queue_change_project on queue_change (project);

-- Bytes of payload ever submitted to a batch of a counted project.
create table batch_size (batch_id blob primary key, project text not null, bytes integer not null) without rowid;
create index batch_size_project on batch_size (project);
