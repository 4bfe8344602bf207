-- What executions said: blocks of lines. A row of an attempt's last lines is written again as they change.
create table log (
    batch_id        blob not null,
    idx             integer not null,
    round           integer not null,
    attempt         integer not null,
    run             integer not null,           -- 0, or one more each time the attempt began again under another lease
    part            integer not null,
    token           integer not null,           -- of the lease it was written under
    last            integer not null,           -- the number of its last line
    lines           integer not null,
    dropped         integer not null,
    leader          integer,                    -- the item that has the body: members of a group share one
    body            blob not null               -- JSON array of core.log.LogLine
);
create unique index log_part on log (batch_id, idx, round, attempt, run, part);
