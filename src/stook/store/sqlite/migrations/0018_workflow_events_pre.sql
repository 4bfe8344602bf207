-- What webhooks were told of an execution of a hosted workflow: each of these events comes once, whatever is run again.
create table workflow_event (
    batch_id        blob not null,
    idx             integer not null,
    name            text not null,
    primary key (batch_id, idx, name)
) without rowid;
