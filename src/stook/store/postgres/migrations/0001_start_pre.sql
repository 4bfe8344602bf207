-- The log of batches. Times are microseconds since the epoch, ids 16 bytes, picks and offsets arrays of little-endian
-- unsigned shorts (positions within a chunk), durations little-endian unsigned 32-bit microseconds.
--
-- Names are compared byte by byte (collate "C"): their order is the same on every server and outlives its upgrades.
-- Payloads and results lie outside their rows uncompressed (storage external): a slice of them is read without the
-- rest, and no time goes into compressing what was compact JSON. What fits a page's half stays in the row.
-- Tables whose rows come, change and go leave room in their pages for the changed rows, and are vacuumed early.

create table meta (name text primary key, value text not null);

create table project (
    name            text collate "C" primary key,
    weight          double precision not null default 1
);

-- A row exists only where a limit or a pause does: what nobody limits costs no claim anything.
create table quota (
    scope           text collate "C" not null,  -- project | queue | task
    project         text collate "C" not null,
    name            text collate "C" not null,  -- of the queue or task; '' for a project
    max_concurrency integer,
    paused          integer not null default 0,
    primary key (scope, project, name)
);

create table batch (
    id              bytea primary key,
    project         text collate "C" not null,
    task            text collate "C" not null,
    queue           text collate "C" not null,
    name            text collate "C" not null,
    key             text collate "C",           -- idempotency: one batch per (project, key)
    digest          text,                       -- of the content the key stands for
    single          integer not null default 0, -- 1: single submissions, not shown as a batch
    keyed           integer not null default 0, -- bit 1: caller's ids in item_key, bit 2: dedupe keys
    phase           text not null,              -- open | active | paused | cancelling | closed | deleted
    ended           text,                       -- the terminal batch state, once closed
    priority        integer not null,
    policy          text not null,
    max_concurrency integer,
    total           integer not null default 0,
    consumed        integer not null default 0, -- items of the input: total, and those left out for their dedupe keys
    succeeded       integer not null default 0,
    failed          integer not null default 0,
    cancelled       integer not null default 0,
    expired         integer not null default 0,
    scheduled       integer not null default 0,
    suspended       integer not null default 0,
    settled         bigint not null default 0,  -- outcomes ever written: the settle counter
    retries         integer not null default 0,
    losses          integer not null default 0,
    streak          integer not null default 0, -- failures in a row
    round           integer not null default 1, -- a retry by hand begins a new one
    rank            bigint not null default 0,  -- finish tag: where its next segment stands in the fair order
    stop            text,                       -- soft | hard | expire | threshold: why nothing more may start
    reason          text,
    probe           text,                       -- a retry under way that first tries a few
    metadata        text,
    created_at      bigint not null,
    sealed_at       bigint,
    started_at      bigint,
    finished_at     bigint,
    ramp_at         bigint,                     -- resumed then: concurrency grows from there
    deadline_at     bigint,
    open_until      bigint
) with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_cost_delay = 0);
create unique index batch_key on batch (project, key) where key is not null;
create index batch_shown on batch (project, id) where single = 0 and phase <> 'deleted';
create index batch_named on batch (project, name, id) where single = 0 and phase <> 'deleted';
create index batch_deadline on batch (deadline_at) where deadline_at is not null and phase not in ('closed', 'deleted');
create index batch_open on batch (open_until) where phase = 'open';
create index batch_deleted on batch (id) where phase = 'deleted';

-- Immutable. payloads is '[' items ',' ']' and starts the place of each item in it, then the length of all.
create table chunk (
    batch_id        bytea not null,
    first           integer not null,
    count           integer not null,
    starts          bytea not null,
    keys            text,                       -- JSON array of the caller's ids
    blobs           bytea,                      -- offsets of items whose payload is a reference into the blob store
    payloads        bytea not null,
    primary key (batch_id, first)
) with (toast_tuple_target = 4080);
alter table chunk alter starts set storage plain, alter keys set storage external, alter payloads set storage external;

-- One byte per execution: the only per-item truth (core.states.State; never `running`).
create table state (
    batch_id        bytea not null,
    first           integer not null,
    states          bytea not null,
    primary key (batch_id, first)
) with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_cost_delay = 0);

-- Items of one chunk that wait for a worker: offsets pos to stop of the chunk, or places pos to stop of picks.
create table segment (
    id              bigserial primary key,
    batch_id        bytea not null,
    first           integer not null,
    pos             integer not null,
    stop            integer not null,
    picks           bytea,
    project         text collate "C" not null,
    task            text collate "C" not null,
    queue           text collate "C" not null,
    priority        integer not null,
    rank            bigint not null,
    round           integer not null,
    attempt         integer not null,
    losses          integer not null default 0,
    status          integer not null,           -- 0 ready, 1 scheduled, 2 suspect
    held            integer not null default 0, -- 1: its batch is paused
    closed          integer not null default 0, -- 1: a group of its own (batched tasks)
    due_at          bigint,
    ready_at        bigint,
    expires_at      bigint
) with (
    fillfactor = 70, vacuum_truncate = off, autovacuum_vacuum_cost_delay = 0,
    autovacuum_vacuum_threshold = 500, autovacuum_vacuum_scale_factor = 0.02
);
create index segment_ready on segment (task, project, priority desc, rank, id) where status = 0 and held = 0;
-- Said in other words than segment_ready, so that only who asks for a project's front is led here.
create index segment_rank on segment (project, rank) where status + held = 0;
create index segment_suspect on segment (task, id) where status = 2 and held = 0;
create index segment_due on segment (due_at) where status = 1 and held = 0;
create index segment_expiry on segment (expires_at) where expires_at is not null;
create index segment_batch on segment (batch_id, first);

create table lease (
    token           bigint primary key,
    worker          text collate "C" not null,
    batch_id        bytea not null,
    first           integer not null,
    lo              integer not null,
    hi              integer not null,
    picks           bytea,                      -- what is still open, when that is not all of lo to hi
    live            integer not null,
    project         text collate "C" not null,
    task            text collate "C" not null,
    queue           text collate "C" not null,
    priority        integer not null,
    round           integer not null,
    attempt         integer not null,
    losses          integer not null,
    alone           integer not null,           -- 1: nothing else was in this worker's hands
    closed          integer not null,
    signal          integer not null default 0, -- 1: cancellation of all or some of it is asked for
    claimed_at      bigint not null,
    expires_at      bigint not null
) with (
    fillfactor = 70, vacuum_truncate = off, autovacuum_vacuum_cost_delay = 0,
    autovacuum_vacuum_threshold = 500, autovacuum_vacuum_scale_factor = 0.02
);
create index lease_expiry on lease (expires_at);
create index lease_batch on lease (batch_id, first);
create index lease_worker on lease (worker);

-- Insert-only: executions that settled together, in one state, numbered settle to settle + count - 1.
create table outcome (
    batch_id        bytea not null,
    settle          bigint not null,
    first           integer not null,
    lo              integer not null,
    hi              integer not null,
    picks           bytea,
    count           integer not null,
    state           integer not null,
    round           integer not null,
    attempt         integer not null,
    finished_at     bigint not null,
    durations       bytea,
    blobs           bytea,
    results         bytea,
    primary key (batch_id, settle)
) with (toast_tuple_target = 4080);
alter table outcome alter durations set storage plain, alter results set storage external;
create index outcome_chunk on outcome (batch_id, first, settle);

-- Insert-only: one row per failed attempt. `final` failures are the reason an execution ended.
create table failure (
    batch_id        bytea not null,
    idx             integer not null,
    round           integer not null,
    attempt         integer not null,
    nth             integer not null,           -- of several at one attempt: losses cost no attempt
    final           integer not null,
    fingerprint     text collate "C" not null,
    code            text not null,
    type            text not null,
    message         text not null,
    traceback       text not null,
    duration        bigint not null,
    failed_at       bigint not null,
    primary key (batch_id, idx, round, attempt, nth)
);
create index failure_group_items on failure (batch_id, fingerprint, idx) where final = 1;

create table failure_group (
    batch_id        bytea not null,
    fingerprint     text collate "C" not null,
    code            text not null,
    type            text not null,
    message         text not null,
    failed          integer not null,           -- executions that ended so and were not retried since
    attempts        integer not null,           -- failed attempts ever
    first_index     integer not null,
    first_at        bigint not null,
    last_at         bigint not null,
    primary key (batch_id, fingerprint)
);

create table item_key (
    batch_id        bytea not null,
    key             text collate "C" not null,
    idx             integer not null,
    primary key (batch_id, key)
);

create table dedupe (
    project         text collate "C" not null,
    task            text collate "C" not null,
    key             text collate "C" not null,
    batch_id        bytea not null,
    idx             integer not null,
    primary key (project, task, key)
);
create index dedupe_item on dedupe (batch_id, idx);

-- Written by the transaction that ends a batch, and by nobody else.
create table event (
    id              bigserial primary key,
    batch_id        bytea not null,
    kind            text not null,
    body            text not null,
    at              bigint not null
);
create index event_batch on event (batch_id, id);

create table worker (
    id              text collate "C" primary key,
    host            text not null,
    process         text not null,              -- pid and start time: tells a live process from a reused pid
    tasks           text not null,
    started_at      bigint not null,
    seen_at         bigint not null
);

create table blob (
    batch_id        bytea not null,
    name            text collate "C" not null,
    body            bytea not null,
    primary key (batch_id, name)
);
alter table blob alter body set storage external;

-- Of each connection, the last transaction that it committed: a commit whose answer was lost can be asked about.
create table receipt (
    slot            bigint primary key,
    mark            bigint not null,
    at              timestamptz not null default now()
) with (fillfactor = 20, vacuum_truncate = off);
