-- What starts tasks beside calls: schedules, and events that tasks listen to.

-- Which workers say that a task is so, by a digest of all they say of it. The newest that is alive decides.
create table deployment (
    project         text collate "C" not null,
    task            text collate "C" not null,
    worker          text collate "C" not null,
    program         text not null,              -- the digest
    at              bigint not null,            -- since when the program is there
    seen_at         bigint not null,
    primary key (project, task, worker)
);
-- What has been written of a task. `app`: whose it is; a task that leaves an app's code takes its triggers with it.
create table registration (
    project         text collate "C" not null,
    task            text collate "C" not null,
    app             text collate "C" not null,
    program         text not null,
    invocable       integer not null,
    at              bigint not null,
    primary key (project, task)
);
create index registration_app on registration (project, app);

-- One row per schedule; its next tick is next_at.
create table schedule (
    project         text collate "C" not null,
    task            text collate "C" not null,
    name            text collate "C" not null,
    expr            text not null,
    tz              text not null,
    payload         bytea not null,             -- JSON
    priority        integer not null,
    missed          text not null,              -- one | skip | all
    overlap         text not null,              -- allow | skip | queue
    static          integer not null,           -- 1: written in code
    policy          text,                       -- TaskPolicy of the task, for while no worker has told
    paused          integer not null,
    next_at         bigint not null,
    due_at          bigint not null,            -- when to look at it: next_at, later after a trouble
    owed            integer not null,           -- ticks that wait for the end of what runs
    skipped         bigint not null,
    last_at         bigint,                     -- the last tick that started something, and what
    last_id         bytea,
    trouble         text,                       -- why the last look started nothing
    created_at      bigint not null,
    changed_at      bigint not null,
    primary key (project, task, name)
) with (fillfactor = 70);
create index schedule_due on schedule (due_at) where paused = 0;
create index schedule_owed on schedule (project, task, name) where owed > 0 and paused = 0;

-- What schedules have started, until it has ended.
create table schedule_run (
    batch_id        bytea primary key,
    project         text collate "C" not null,
    task            text collate "C" not null,
    name            text collate "C" not null,
    at              bigint not null
);
create index schedule_run_of on schedule_run (project, task, name);

-- Which tasks want to hear of what: events by name, rows by schema.table.
create table subscription (
    project         text collate "C" not null,
    task            text collate "C" not null,
    kind            text collate "C" not null,  -- event | row
    number          integer not null,           -- among the task's triggers
    source          text collate "C" not null,
    ops             text,                       -- of rows: insert, update, delete, with commas
    condition       text,                       -- core.when as JSON; null: always
    fields          text,                       -- JSON list of the keys, or columns, to hand on; null: all
    primary key (project, task, kind, number)
);
create index subscription_source on subscription (kind, source, project, task, number);

-- Events, for as long as somebody may come to wait for them.
create table emitted (
    id              bytea primary key,
    project         text collate "C" not null,
    name            text collate "C" not null,
    payload         bytea not null,             -- JSON
    at              bigint not null,
    until           bigint not null              -- kept so long
);
create index emitted_name on emitted (project, name, at, id);
create index emitted_until on emitted (until);
