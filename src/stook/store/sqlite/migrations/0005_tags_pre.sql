-- What the server's API needs: tasks of one project, tags of items, and payloads changed by hand.

-- What workers said that take the work of one project alone; `task` is of those that take everybody's.
create table project_task (
    project         text not null,
    name            text not null,
    queue           text not null,
    policy          text not null,
    schema          blob,                       -- JSON schema of the payload
    seen_at         integer not null,
    primary key (project, name)
) without rowid;
alter table worker add column project text;     -- null: it takes the work of all

-- What the task's definition said when it was last written here: a limit changed by hand since then stays.
alter table quota add column declared integer;

-- Insert-only: what was done by hand to single items: their input changed (the last change is what the next attempt
-- gets), or skipped. Batches that have some carry bit 4 of batch.keyed.
create table item_change (
    batch_id        blob not null,
    idx             integer not null,
    number          integer not null,           -- counts up from 1
    kind            text not null,              -- edit | skip
    payload         blob,                       -- of an edit
    is_blob         integer not null default 0, -- 1: payload is a reference into the blob store
    reason          text,
    actor           text,                       -- id of the key that asked for it
    at              integer not null,
    primary key (batch_id, idx, number)
) without rowid;

-- Which items of a chunk bear a tag. Batches that have some carry bit 8 of batch.keyed.
create table chunk_tag (
    batch_id        blob not null,
    tag             text not null,
    first           integer not null,
    picks           blob not null,
    primary key (batch_id, tag, first)
) without rowid;
create index chunk_tag_chunk on chunk_tag (batch_id, first);
