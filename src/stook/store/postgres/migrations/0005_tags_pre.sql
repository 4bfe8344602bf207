-- What the server's API needs: tasks of one project, tags of items, and payloads changed by hand.

-- What workers said that take the work of one project alone; `task` is of those that take everybody's.
create table project_task (
    project         text collate "C" not null,
    name            text collate "C" not null,
    queue           text not null,
    policy          text not null,
    schema          bytea,                      -- JSON schema of the payload
    seen_at         bigint not null,
    primary key (project, name)
);
alter table worker add column project text;     -- null: it takes the work of all

-- What the task's definition said when it was last written here: a limit changed by hand since then stays.
alter table quota add column declared integer;

-- Insert-only: what was done by hand to single items: their input changed (the last change is what the next attempt
-- gets), or skipped. Batches that have some carry bit 4 of batch.keyed.
create table item_change (
    batch_id        bytea not null,
    idx             integer not null,
    number          integer not null,           -- counts up from 1
    kind            text not null,              -- edit | skip
    payload         bytea,                       -- of an edit
    is_blob         integer not null default 0, -- 1: payload is a reference into the blob store
    reason          text,
    actor           text,                       -- id of the key that asked for it
    at              bigint not null,
    primary key (batch_id, idx, number)
);

-- Which items of a chunk bear a tag. Batches that have some carry bit 8 of batch.keyed.
create table chunk_tag (
    batch_id        bytea not null,
    tag             text collate "C" not null,
    first           integer not null,
    picks           bytea not null,
    primary key (batch_id, tag, first)
);
create index chunk_tag_chunk on chunk_tag (batch_id, first);
