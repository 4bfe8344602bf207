-- Code that is run for its users: deployments, and the labels under which they are asked for.

create table hosted_deployment (
    id              text primary key,
    project         text not null,
    dialect         text not null,              -- kernel | vellum | stook
    runtime         text not null,              -- python | node | vellum
    state           text not null,              -- queued | building | running | stopped | failed
    reason          text,                       -- why it failed
    label           text not null,              -- as it was asked for
    force           integer not null,           -- 1: it may take a label that is running
    entrypoint      text not null,
    source          text not null,              -- JSON of core.deployment.Source
    checksum        text not null,              -- of the archive as it was given: SHA-256, hex
    archive_sum     text not null,              -- of the archive that is kept
    archive_bytes   integer not null,
    env_names       text not null,              -- JSON list
    env             blob,                       -- sealed JSON, names to values; null: empty, or gone with the archive
    facts           text not null,              -- JSON, the dialect's own
    created_at      integer not null,
    updated_at      integer not null,
    running_at      integer,
    deleted         integer not null default 0,
    arrived         integer not null default 0, -- 1: the archive is there whole; before that nobody sees it
    kept            integer not null default 1, -- 1: the archive, or some of it, is there
    token           integer,                     -- of who builds it
    host            text,
    lease_until     integer,
    losses          integer not null default 0  -- hosts that were lost while they built it
);
create index hosted_deployment_listed on hosted_deployment (project, created_at, id) where deleted = 0 and arrived = 1;
create index hosted_deployment_build on hosted_deployment (created_at, id)
    where state in ('queued', 'building') and arrived = 1;
create unique index hosted_deployment_token on hosted_deployment (token) where token is not null;
create index hosted_deployment_served on hosted_deployment (id) where state = 'running';
create index hosted_deployment_kept on hosted_deployment (updated_at, id) where kept = 1 and state <> 'running';

-- What a deployment was found to hold. `folded`: the app's name without capitals; `names` of its actions, JSON.
create table hosted_app (
    deployment_id   text not null,
    app             text not null,
    project         text not null,
    dialect         text not null,
    folded          text not null,
    names           text not null,
    actions         text not null,              -- JSON list of core.deployment.Action
    primary key (deployment_id, app)
);
create index hosted_app_of on hosted_app (project, app, deployment_id);

-- Labels, of running deployments only.
create table hosted_version (
    project         text not null,
    dialect         text not null,
    app             text not null,
    label           text not null,
    id              text not null,
    deployment_id   text not null,
    moved_at        integer not null,
    primary key (project, dialect, app, label)
);
create unique index hosted_version_id on hosted_version (id);
create index hosted_version_of on hosted_version (deployment_id);
create index hosted_version_newest on hosted_version (project, dialect, app, moved_at desc, label);

-- Insert-only; the oldest go. `upto`: bytes of all lines to the end of this one.
create table hosted_log (
    deployment_id   text not null,
    number          integer not null,
    at              integer not null,
    execution_id    text,                       -- whose output it is; null: of the build
    upto            integer not null,
    text            text not null,
    primary key (deployment_id, number)
);
create table hosted_log_end (
    deployment_id   text primary key,
    last            integer not null,            -- the number of its last line
    upto            integer not null,
    trimmed         integer not null,            -- `last`, when the oldest went last
    trimmed_upto    integer not null
);

-- What is unfinished of hosted tasks (core.hosted): those alone have a slash there.
create index batch_hosted on batch (task, id) where phase not in ('closed', 'deleted') and substr(task, 37, 1) = '/';
