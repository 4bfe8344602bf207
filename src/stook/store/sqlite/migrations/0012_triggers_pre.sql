-- What starts tasks beside calls: schedules, and events that tasks listen to.

-- Which workers say that a task is so, by a digest of all they say of it. The newest that is alive decides.
create table deployment (
    project         text not null,
    task            text not null,
    worker          text not null,
    program         text not null,              -- the digest
    at              integer not null,            -- since when the program is there
    seen_at         integer not null,
    primary key (project, task, worker)
);
-- What has been written of a task. `app`: whose it is; a task that leaves an app's code takes its triggers with it.
create table registration (
    project         text not null,
    task            text not null,
    app             text not null,
    program         text not null,
    invocable       integer not null,
    at              integer not null,
    primary key (project, task)
);
create index registration_app on registration (project, app);

-- One row per schedule; its next tick is next_at.
create table schedule (
    project         text not null,
    task            text not null,
    name            text not null,
    expr            text not null,
    tz              text not null,
    payload         blob not null,             -- JSON
    priority        integer not null,
    missed          text not null,              -- one | skip | all
    overlap         text not null,              -- allow | skip | queue
    static          integer not null,           -- 1: written in code
    policy          text,                       -- TaskPolicy of the task, for while no worker has told
    paused          integer not null,
    next_at         integer not null,
    due_at          integer not null,            -- when to look at it: next_at, later after a trouble
    owed            integer not null,           -- ticks that wait for the end of what runs
    skipped         integer not null,
    last_at         integer,                     -- the last tick that started something, and what
    last_id         blob,
    trouble         text,                       -- why the last look started nothing
    created_at      integer not null,
    changed_at      integer not null,
    primary key (project, task, name)
);
create index schedule_due on schedule (due_at) where paused = 0;
create index schedule_owed on schedule (project, task, name) where owed > 0 and paused = 0;

-- What schedules have started, until it has ended.
create table schedule_run (
    batch_id        blob primary key,
    project         text not null,
    task            text not null,
    name            text not null,
    at              integer not null
);
create index schedule_run_of on schedule_run (project, task, name);

-- Which tasks want to hear of what: events by name, rows by schema.table.
create table subscription (
    project         text not null,
    task            text not null,
    kind            text not null,  -- event | row
    number          integer not null,           -- among the task's triggers
    source          text not null,
    ops             text,                       -- of rows: insert, update, delete, with commas
    condition       text,                       -- core.when as JSON; null: always
    fields          text,                       -- JSON list of the keys, or columns, to hand on; null: all
    primary key (project, task, kind, number)
);
create index subscription_source on subscription (kind, source, project, task, number);

-- Events, for as long as somebody may come to wait for them.
create table emitted (
    id              blob primary key,
    project         text not null,
    name            text not null,
    payload         blob not null,             -- JSON
    at              integer not null,
    until           integer not null              -- kept so long
);
create index emitted_name on emitted (project, name, at, id);
create index emitted_until on emitted (until);
