-- What invocations look at before they create anything. Microseconds.

-- ttl: for so long a key stays held after its execution has ended; free_at: until then, once it has.
alter table dedupe add column ttl bigint;
alter table dedupe add column free_at bigint;
create index dedupe_free on dedupe (free_at) where free_at is not null;

-- The period that an accepted invocation started. Read and written under a lock on the key's name.
create table throttle (
    project         text collate "C" not null,
    task            text collate "C" not null,
    key             text collate "C" not null,
    until_at        bigint not null,
    batch_id        bytea not null,             -- what was accepted
    idx             integer not null,
    primary key (project, task, key)
);
create index throttle_until on throttle (until_at);

-- The last execution that a debounced key has created. While it was never started, invocations only change it.
create table debounce (
    project         text collate "C" not null,
    task            text collate "C" not null,
    key             text collate "C" not null,
    batch_id        bytea not null,
    idx             integer not null,
    opened_at       bigint not null,
    due_at          bigint not null,
    primary key (project, task, key)
);
create index debounce_due on debounce (due_at);
