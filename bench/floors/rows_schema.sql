-- The tables, indexes and functions of a queue that keeps a row per execution, in the shape that Postgres Conductor's have:
-- a partition per queue, a clock that tests can set, ids that sort by time, every feature's column with an index of its
-- own.

create function clock() returns timestamptz language plpgsql volatile as $$
declare
    set_by_tests text := current_setting('rows.now', true);
begin
    if set_by_tests is not null and trim(set_by_tests) <> '' then
        return set_by_tests::timestamptz;
    end if;
    return clock_timestamp();
end
$$;

create function new_id() returns uuid language plpgsql volatile as $$
declare
    ms bigint := floor(extract(epoch from clock()) * 1000)::bigint;
    drawn bytea := uuid_send(gen_random_uuid());
begin
    for place in 0..5 loop
        drawn := set_byte(drawn, place, ((ms >> ((5 - place) * 8)) & 255)::integer);
    end loop;
    drawn := set_byte(drawn, 6, (get_byte(drawn, 6) & 15) | 112);
    drawn := set_byte(drawn, 8, (get_byte(drawn, 8) & 63) | 128);
    return encode(drawn, 'hex')::uuid;
end
$$;

create table task (
    name text primary key, max_attempts integer not null default 3, keep_completed integer, keep_failed integer,
    max_concurrency integer
);

create table execution (
    id uuid default new_id(), task text not null, queue text not null default 'default', dedupe_key text, cron text,
    created_at timestamptz not null default clock(), failed_at timestamptz, completed_at timestamptz, payload jsonb,
    run_at timestamptz not null default clock(), locked_at timestamptz, locked_by uuid,
    ready boolean not null generated always as (locked_at is null and failed_at is null and completed_at is null) stored,
    attempts integer not null default 0, last_error text, cancelled boolean not null default false,
    priority integer not null default 0, waits_for uuid, waits_in text, parent uuid, slot timestamptz,
    primary key (id, queue), unique (task, dedupe_key, queue)
) partition by list (queue);
create unique index on execution (task, slot, coalesce(dedupe_key, ''), queue)
    where slot is not null and completed_at is null and failed_at is null and cancelled = false;
create table execution_default partition of execution for values in ('default') with (fillfactor = 70);
create index on execution_default (priority, run_at) include (id, task) where ready = true;
create index on execution_default (waits_for) where waits_for is not null;
create index on execution_default (parent) where parent is not null;
create index on execution_default (locked_by) where locked_by is not null;
create index on execution_default (completed_at) where completed_at is not null;
create index on execution_default (failed_at) where failed_at is not null;
create index on execution_default (split_part(dedupe_key, '::', 2))
    where dedupe_key like 'dynamic::%' and cron is not null;
create index on execution_default (task);

create table step (
    id uuid primary key default new_id(), key text not null, execution_id uuid not null, queue text not null,
    result jsonb, created_at timestamptz not null default clock(), unique (key, execution_id),
    foreign key (execution_id, queue) references execution (id, queue) on delete cascade
);
create index on step (execution_id);

create type asked as (
    task text, queue text, payload jsonb, run_at timestamptz, dedupe_key text, slot_seconds integer, cron text,
    priority integer
);

create function invoke_one(of_task text, of_queue text, of_payload jsonb, at timestamptz, of_key text, of_priority integer)
returns table (made uuid) language plpgsql volatile as $$
declare
    now_ timestamptz := clock();
begin
    if of_key is not null then
        update execution set dedupe_key = null, locked_by = null, locked_at = null, failed_at = now_
        where dedupe_key = of_key and task = of_task and queue = of_queue and locked_at is not null;
    end if;
    return query
        insert into execution as e (id, task, queue, payload, run_at, dedupe_key, priority)
        values (new_id(), of_task, of_queue, of_payload, coalesce(at, now_), of_key, coalesce(of_priority, 0))
        on conflict (task, dedupe_key, queue) do update
            set payload = excluded.payload, run_at = excluded.run_at, priority = excluded.priority
        returning e.id;
end
$$;

create function invoke_all(all_asked asked[]) returns table (made uuid) language plpgsql volatile as $$
declare
    now_ timestamptz := clock();
begin
    update execution e set dedupe_key = null, locked_by = null, locked_at = null, failed_at = now_
    from unnest(all_asked) a
    where e.dedupe_key = a.dedupe_key and e.task = a.task and e.queue = coalesce(a.queue, 'default')
      and e.locked_at is not null and a.dedupe_key is not null;
    return query
        insert into execution as e (id, task, queue, payload, run_at, dedupe_key, slot, cron, priority)
        select new_id(), a.task, coalesce(a.queue, 'default'), a.payload, coalesce(a.run_at, now_), a.dedupe_key,
               case when a.slot_seconds is not null
                   then 'epoch'::timestamptz
                        + interval '1 second' * (a.slot_seconds * floor(extract(epoch from now_) / a.slot_seconds))
               end,
               a.cron, coalesce(a.priority, 0)
        from unnest(all_asked) a
        on conflict (task, dedupe_key, queue) do update
            set payload = excluded.payload, run_at = excluded.run_at, priority = excluded.priority, cron = excluded.cron,
                slot = excluded.slot
        returning e.id;
end
$$;
