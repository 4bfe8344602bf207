-- What may run when: the terms of tasks, token buckets, and what is needed to keep items in their lanes.

-- The newest word on a task's limits, rates and window, which holds for all its work, whatever that was submitted with.
-- `declared` is what the task's definition said when it was last written here: what was changed by hand since stays.
create table task_terms (
    project         text not null,              -- '': where a project has none of its own
    task            text not null,
    body            text not null,              -- JSON of core.terms.Terms
    declared        text,
    primary key (project, task)
) without rowid;

-- A bucket that is not here, or is past full_at, is full.
create table rate_bucket (
    project         text not null,
    task            text not null,
    name            text not null,              -- which of the task's rate limits
    key             text not null,              -- JSON of the value of its key; '': it has none
    tokens          real not null,
    at              integer not null,
    full_at         integer not null,
    primary key (project, task, name, key)
) without rowid;
create index rate_bucket_full on rate_bucket (full_at);

-- Where items of a chunk belong in the queue, for those that are taken up again after they left it. JSON:
-- [[lane, cost, [offsets]]]. Batches that have some carry bit 64 of batch.keyed.
create table chunk_lane (
    batch_id        blob not null,
    first           integer not null,
    lanes           text not null,
    primary key (batch_id, first)
) without rowid;

-- Leases with one number are of one call of the handler; 0: each execution is one, or nobody counts them.
alter table lease add column grp integer not null default 0;
