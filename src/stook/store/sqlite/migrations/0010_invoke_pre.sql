-- What invocations look at before they create anything. Microseconds.

-- ttl: for so long a key stays held after its execution has ended; free_at: until then, once it has.
alter table dedupe add column ttl integer;
alter table dedupe add column free_at integer;
create index dedupe_free on dedupe (free_at) where free_at is not null;

-- The period that an accepted invocation started. Read and written under a lock on the key's name.
create table throttle (
    project         text not null,
    task            text not null,
    key             text not null,
    until_at        integer not null,
    batch_id        blob not null,              -- what was accepted
    idx             integer not null,
    primary key (project, task, key)
) without rowid;
create index throttle_until on throttle (until_at);

-- The last execution that a debounced key has created. While it was never started, invocations only change it.
create table debounce (
    project         text not null,
    task            text not null,
    key             text not null,
    batch_id        blob not null,
    idx             integer not null,
    opened_at       integer not null,
    due_at          integer not null,
    primary key (project, task, key)
) without rowid;
create index debounce_due on debounce (due_at);
