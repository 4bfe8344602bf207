-- The log of batches. Times are microseconds since the epoch, ids 16 bytes, picks and offsets arrays of little-endian
-- unsigned shorts (positions within a chunk), durations little-endian unsigned 32-bit microseconds.

create table meta (name text primary key, value text not null) without rowid;

create table project (
    name            text primary key,
    weight          real not null default 1
) without rowid;

-- A row exists only where a limit or a pause does: what nobody limits costs no claim anything.
create table quota (
    scope           text not null,              -- project | queue | task
    project         text not null,
    name            text not null,              -- of the queue or task; '' for a project
    max_concurrency integer,
    paused          integer not null default 0,
    primary key (scope, project, name)
) without rowid;

create table batch (
    id              blob primary key,
    project         text not null,
    task            text not null,
    queue           text not null,
    name            text not null,
    key             text,                       -- idempotency: one batch per (project, key)
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
    settled         integer not null default 0, -- outcomes ever written: the settle counter
    retries         integer not null default 0,
    losses          integer not null default 0,
    streak          integer not null default 0, -- failures in a row
    round           integer not null default 1, -- a retry by hand begins a new one
    rank            integer not null default 0, -- finish tag: where its next segment stands in the fair order
    stop            text,                       -- soft | hard | expire | threshold: why nothing more may start
    reason          text,
    probe           text,                       -- a retry under way that first tries a few
    metadata        text,
    created_at      integer not null,
    sealed_at       integer,
    started_at      integer,
    finished_at     integer,
    ramp_at         integer,                    -- resumed then: concurrency grows from there
    deadline_at     integer,
    open_until      integer
) without rowid;
create unique index batch_key on batch (project, key) where key is not null;
create index batch_shown on batch (project, id) where single = 0 and phase <> 'deleted';
create index batch_named on batch (project, name, id) where single = 0 and phase <> 'deleted';
create index batch_deadline on batch (deadline_at) where deadline_at is not null and phase not in ('closed', 'deleted');
create index batch_open on batch (open_until) where phase = 'open';
create index batch_deleted on batch (id) where phase = 'deleted';

-- Immutable. payloads is '[' items ',' ']' and starts the place of each item in it, then the length of all.
create table chunk (
    batch_id        blob not null,
    first           integer not null,
    count           integer not null,
    starts          blob not null,
    keys            text,                       -- JSON array of the caller's ids
    blobs           blob,                       -- offsets of items whose payload is a reference into the blob store
    payloads        blob not null,
    primary key (batch_id, first)
);

-- One byte per execution: the only per-item truth (core.states.State; never `running`).
create table state (
    batch_id        blob not null,
    first           integer not null,
    states          blob not null,
    primary key (batch_id, first)
) without rowid;

-- Items of one chunk that wait for a worker: offsets pos to stop of the chunk, or places pos to stop of picks.
create table segment (
    id              integer primary key,
    batch_id        blob not null,
    first           integer not null,
    pos             integer not null,
    stop            integer not null,
    picks           blob,
    project         text not null,
    task            text not null,
    queue           text not null,
    priority        integer not null,
    rank            integer not null,
    round           integer not null,
    attempt         integer not null,
    losses          integer not null default 0,
    status          integer not null,           -- 0 ready, 1 scheduled, 2 suspect
    held            integer not null default 0, -- 1: its batch is paused
    closed          integer not null default 0, -- 1: a group of its own (batched tasks)
    due_at          integer,
    ready_at        integer,
    expires_at      integer
);
create index segment_ready on segment (task, project, priority desc, rank, id) where status = 0 and held = 0;
create index segment_rank on segment (project, rank) where status = 0 and held = 0;
create index segment_suspect on segment (task, id) where status = 2 and held = 0;
create index segment_due on segment (due_at) where status = 1 and held = 0;
create index segment_expiry on segment (expires_at) where expires_at is not null;
create index segment_batch on segment (batch_id, first);

create table lease (
    token           integer primary key,
    worker          text not null,
    batch_id        blob not null,
    first           integer not null,
    lo              integer not null,
    hi              integer not null,
    picks           blob,                       -- what is still open, when that is not all of lo to hi
    live            integer not null,
    project         text not null,
    task            text not null,
    queue           text not null,
    priority        integer not null,
    round           integer not null,
    attempt         integer not null,
    losses          integer not null,
    alone           integer not null,           -- 1: nothing else was in this worker's hands
    closed          integer not null,
    signal          integer not null default 0, -- 1: cancellation of all or some of it is asked for
    claimed_at      integer not null,
    expires_at      integer not null
);
create index lease_expiry on lease (expires_at);
create index lease_batch on lease (batch_id, first);
create index lease_worker on lease (worker);

-- Insert-only: executions that settled together, in one state, numbered settle to settle + count - 1.
create table outcome (
    batch_id        blob not null,
    settle          integer not null,
    first           integer not null,
    lo              integer not null,
    hi              integer not null,
    picks           blob,
    count           integer not null,
    state           integer not null,
    round           integer not null,
    attempt         integer not null,
    finished_at     integer not null,
    durations       blob,
    blobs           blob,
    results         blob,
    primary key (batch_id, settle)
);
create index outcome_chunk on outcome (batch_id, first, settle);

-- Insert-only: one row per failed attempt. `final` failures are the reason an execution ended.
create table failure (
    batch_id        blob not null,
    idx             integer not null,
    round           integer not null,
    attempt         integer not null,
    nth             integer not null,           -- of several at one attempt: losses cost no attempt
    final           integer not null,
    fingerprint     text not null,
    code            text not null,
    type            text not null,
    message         text not null,
    traceback       text not null,
    duration        integer not null,
    failed_at       integer not null,
    primary key (batch_id, idx, round, attempt, nth)
) without rowid;
create index failure_group_items on failure (batch_id, fingerprint, idx) where final = 1;

create table failure_group (
    batch_id        blob not null,
    fingerprint     text not null,
    code            text not null,
    type            text not null,
    message         text not null,
    failed          integer not null,           -- executions that ended so and were not retried since
    attempts        integer not null,           -- failed attempts ever
    first_index     integer not null,
    first_at        integer not null,
    last_at         integer not null,
    primary key (batch_id, fingerprint)
) without rowid;

create table item_key (
    batch_id        blob not null,
    key             text not null,
    idx             integer not null,
    primary key (batch_id, key)
) without rowid;

create table dedupe (
    project         text not null,
    task            text not null,
    key             text not null,
    batch_id        blob not null,
    idx             integer not null,
    primary key (project, task, key)
) without rowid;
create index dedupe_item on dedupe (batch_id, idx);

-- Written by the transaction that ends a batch, and by nobody else.
create table event (
    id              integer primary key autoincrement,  -- never used again: it is a follower's cursor
    batch_id        blob not null,
    kind            text not null,
    body            text not null,
    at              integer not null
);
create index event_batch on event (batch_id, id);

create table worker (
    id              text primary key,
    host            text not null,
    process         text not null,              -- pid and start time: tells a live process from a reused pid
    tasks           text not null,
    started_at      integer not null,
    seen_at         integer not null
) without rowid;

create table blob (
    batch_id        blob not null,
    name            text not null,
    body            blob not null,
    primary key (batch_id, name)
);
