-- Batches of hosted code, as those see them who deployed it: a row for each batch, none for its items.

create table hosted_batch (
    batch_id        bytea primary key,
    project         text not null,
    dialect         text not null,
    app             text not null,
    action          text not null,
    label           text not null,              -- under which it was submitted
    version_id      text not null,
    deployment_id   text not null
);
create index hosted_batch_project on hosted_batch (project, dialect, batch_id);
create index hosted_batch_app on hosted_batch (project, dialect, app, batch_id);
create index hosted_batch_deployment on hosted_batch (deployment_id, batch_id);

-- Who submits may name an execution; the name is its own for as long as it is kept.
create table external_id (
    project         text not null,
    name            text not null,
    batch_id        bytea not null,
    idx             integer not null,
    primary key (project, name)
);
create index external_id_batch on external_id (batch_id);

-- What somebody else than their code said that executions came to.
create table given_output (
    batch_id        bytea not null,
    idx             integer not null,           -- -1: of all that were cancelled with their batch
    round           integer,                    -- it was ended in by it; null: it was cancelled
    since           integer,                    -- of -1: the settle number from which on
    form            integer not null,           -- core.given_output.Form: how the text stands in the result
    output          bytea,                      -- of what was cancelled: the text
    primary key (batch_id, idx)
);
