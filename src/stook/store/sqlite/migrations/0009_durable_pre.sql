-- Executions that remember and wait. Each of these is a row per item: what does neither has none of them.
-- batch.keyed: bit 16, there are memos; bit 32, its executions may have parents that wait for them;
-- bit 256 (of 0010): it came in several commits, each of which counts.

-- What an execution did or was given between its attempts: written once under a key (a `state` is replaced).
create table memo (
    batch_id        blob not null,
    idx             integer not null,
    key             text not null,
    kind            text not null,              -- step | sleep | child | event | state | version
    value           blob not null,              -- JSON
    blob_of         blob,                       -- the value is a reference into the blob store, among this batch's
    error           text,                       -- JSON: core.memo.MemoError
    code            text not null,
    child_batch     blob,
    child_idx       integer,
    seq             integer not null,           -- among those written at one time
    at              integer not null,
    primary key (batch_id, idx, key)
) without rowid;
create index memo_blob on memo (blob_of) where blob_of is not null;

-- The place of a suspended execution, and how it goes on. `waiting` counts its rows in wait.
create table suspension (
    batch_id        blob not null,
    idx             integer not null,
    first           integer not null,           -- of its chunk
    round           integer not null,
    attempt         integer not null,
    losses          integer not null,
    priority        integer not null,
    alone           integer not null,
    closed          integer not null,
    lane            text not null,
    cost            text,
    waiting         integer not null,
    at              integer not null,
    primary key (batch_id, idx)
) without rowid;

create table wait (
    batch_id        blob not null,
    idx             integer not null,
    key             text not null,
    kind            text not null,              -- sleep | child | event
    project         text not null,
    due_at          integer,                    -- the end of the sleep, or when the rest times out
    child_batch     blob,
    child_idx       integer,
    fails_parent    integer not null default 0, -- 1: a child's failure is the parent's
    on_timeout      text,                       -- of the child's cancellation: unstarted | always | never
    event_name      text,
    match           blob,                       -- JSON object that the payload contains
    at              integer not null,
    primary key (batch_id, idx, key)
) without rowid;
create index wait_due on wait (due_at) where due_at is not null;
create index wait_child on wait (child_batch, child_idx) where child_batch is not null;
create index wait_event on wait (project, event_name) where event_name is not null;

-- What one transaction asks of another batch, whose row it may not lock any more. Insert-only; done by whoever
-- maintains the store.
create table errand (
    id              integer primary key,
    kind            text not null,
    batch_id        blob not null,
    idx             integer not null,
    key             text not null,
    body            text,
    at              integer not null,
    -- Of one that failed: how often, why, and when it is tried again. Until then it is passed over.
    tries           integer not null default 0,
    due_at          integer,
    problem         text
);
create index errand_due on errand (due_at) where due_at is not null;

-- Whose worker was lost, each time. Insert-only.
create table loss (
    batch_id        blob not null,
    idx             integer not null,
    token           integer not null,
    primary key (batch_id, idx, token)
) without rowid;
