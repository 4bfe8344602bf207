-- When what has ended may go (core.retention), who runs beside whom while the schema changes, and whose day's
-- maintenance is done.

-- Set when a batch ends whose policy keeps it for a time only; null: it stays.
alter table batch add column purge_at bigint;
create index batch_purge on batch (purge_at) where purge_at is not null and phase = 'closed';

-- Programs that work here. A migration that breaks older ones asks them to stop, and waits until they have.
create table orchestrator (
    id              text primary key,
    host            text not null,
    process         text not null,
    version         text not null,              -- of the package
    schema          integer not null,           -- the newest migration it knows
    started_at      bigint not null,
    seen_at         bigint not null,
    stop_asked_at   bigint
);

-- Migrations that programs who do not know them cannot work on with; written by the program that applies one.
create table breaking (number integer primary key, at bigint not null);

create table upkeep (
    queue           text primary key,
    done_at         bigint not null             -- its last daily maintenance began
);
