-- Rows of the user's tables that changed, and functions that are called from SQL. They run with the rights of whoever
-- calls them, and find stook's tables whatever the caller's search path is.

-- Insert-only: changes that tasks subscribe to, until their executions are there. `task`: only this one is left to do.
create table row_change (
    id              bigserial primary key,
    project         text collate "C" not null,
    source          text collate "C" not null,  -- schema.table
    op              text not null,              -- as TG_OP
    old             text,                       -- JSON of the columns that somebody wants or compares
    new             text,
    task            text collate "C",
    due_at          bigint not null
) with (
    fillfactor = 70, vacuum_truncate = off, autovacuum_vacuum_cost_delay = 0,
    autovacuum_vacuum_threshold = 500, autovacuum_vacuum_scale_factor = 0.02
);
create index row_change_due on row_change (due_at, id);

create function clock_us() returns bigint language sql volatile as
    'select (extract(epoch from clock_timestamp()) * 1000000)::bigint';

-- As `stook.store.postgres.listen.heard_as`.
create function ring(topic text) returns void language sql volatile as $$
    select pg_notify(
        'stook_' || current_schema(),
        case when topic ~ '^[ -~]{1,200}$' then topic
             else '#' || substr(encode(sha256(convert_to(topic, 'UTF8')), 'hex'), 1, 32) end
    )
$$;

-- As json_each can take it apart, which has no text for NUL: U+FFFD stands for that.
create function parted(whole json) returns json language sql immutable as $$
    select case when position('\u0000' in whole::text) = 0 then whole
        else regexp_replace(whole::text, '(?<!\\)((?:\\\\)*)\\u0000', '\1\ufffd', 'g')::json end
$$;

-- The trigger of every watched table; its argument is schema.table. Who hears of what is looked up: changing that
-- touches no table of the user's.
create function row_changed() returns trigger language plpgsql as $$
begin
    insert into row_change (project, source, op, old, new, due_at)
    select w.project, tg_argv[0], tg_op,
           (select json_object_agg(c.key, c.value)::text from json_each(parted(row_to_json(old))) c where c.key = any(w.names)),
           (select json_object_agg(c.key, c.value)::text from json_each(parted(row_to_json(new))) c where c.key = any(w.names)),
           (extract(epoch from clock_timestamp()) * 1000000)::bigint
    from (
        select s.project, array_agg(n.name) as names
        from subscription s
        cross join lateral (
            select jsonb_array_elements_text(s.fields::jsonb)
            union all
            -- a condition's names: ["name", side, column]
            select jsonb_path_query(
                s.condition::jsonb, 'strict $.** ? (@.type() == "array" && @.size() == 3 && @[0] == "name")[2]'
            ) #>> '{}'
        ) as n (name)
        where s.kind = 'row' and s.source = tg_argv[0] and lower(tg_op) = any(string_to_array(s.ops, ','))
        group by s.project
    ) w;
    if found then
        perform pg_notify('stook_' || current_schema(), 'errand');
    end if;
    return null;
end
$$;

-- Puts the trigger on a table, if it is not there: 'watched'. Else what is in the way: 'no table', 'no table: a view',
-- 'no column: NAME', 'locked' (for 2 s, by others).
create function watch_rows(of_schema text, of_table text, of_columns text[]) returns text language plpgsql as $$
declare
    found_id oid;
    kind "char";
    missing text;
begin
    select c.oid, c.relkind into found_id, kind
    from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where n.nspname = of_schema and c.relname = of_table;
    if found_id is null then
        return 'no table';
    elsif kind not in ('r', 'p') then
        return 'no table: it is a view, or another thing without rows of its own';
    end if;
    select w.name into missing from unnest(of_columns) as w (name)
    where not exists (
        select from pg_attribute a
        where a.attrelid = found_id and a.attname = w.name and a.attnum > 0 and not a.attisdropped
    ) limit 1;
    if missing is not null then
        return 'no column: ' || missing;
    elsif exists (
        select from pg_trigger t
        where t.tgrelid = found_id and t.tgname = 'stook_rows' and t.tgfoid = 'row_changed'::regproc
    ) then
        return 'watched';
    end if;
    perform set_config('lock_timeout', '2s', true);
    begin
        execute format(
            'create trigger stook_rows after insert or update or delete on %I.%I for each row '
            'execute function %I.row_changed(%L)',
            of_schema, of_table, current_schema(), of_schema || '.' || of_table
        );
    exception
        when lock_not_available then return 'locked';
        when duplicate_object then return 'watched';
    end;
    return 'watched';
end
$$;

-- Takes the trigger off one table: (schema.table, 'removed' or 'locked'); no row: there is none left. Those of
-- partitions go with their table's.
create function unwatch_rows(out source text, out answer text) returns setof record language plpgsql as $$
declare
    one record;
begin
    select n.nspname, c.relname into one
    from pg_trigger t
    join pg_class c on c.oid = t.tgrelid
    join pg_namespace n on n.oid = c.relnamespace
    where t.tgfoid = 'row_changed'::regproc and not t.tgisinternal and t.tgparentid = 0
    order by 1, 2 limit 1;
    if not found then
        return;
    end if;
    source := one.nspname || '.' || one.relname;
    answer := 'removed';
    perform set_config('lock_timeout', '2s', true);
    begin
        execute format('drop trigger if exists stook_rows on %I.%I', one.nspname, one.relname);
    exception when lock_not_available then answer := 'locked';
    end;
    return next;
end
$$;

-- What keeps an item of a task with keys apart in the queue, as `stook.core.lanes` has it: (lane, cost).
create function lane_of(policy jsonb, payload jsonb, out lane text, out cost text) language plpgsql as $$
declare
    keys text[];
    units text[];
    one text;
    found jsonb;
    texts text := '';
begin
    lane := '';
    select array_agg(k.key order by k.at) into keys from (
        select c.key, min(c.at) as at from (
            select policy #>> '{batch,key}' as key, 0::bigint as at
            union all select l.value ->> 'key', l.at from jsonb_array_elements(policy -> 'limits')
                with ordinality as l (value, at)
            union all select r.value ->> 'key', 1000000 + r.at from jsonb_array_elements(policy -> 'rates')
                with ordinality as r (value, at)
        ) c where c.key is not null group by c.key
    ) k;
    select array_agg(distinct r.value ->> 'units') into units
    from jsonb_array_elements(policy -> 'rates') as r (value) where r.value ? 'units';
    foreach one in array coalesce(keys, '{}') || coalesce(units, '{}') loop
        if one like '(%' then
            raise exception 'stook: the task has a key that is a function, %, which SQL cannot call', btrim(one, '()')
                using errcode = 'feature_not_supported', hint = 'invoke it from Python, or make the key a path';
        end if;
    end loop;
    foreach one in array coalesce(keys, '{}') loop
        found := coalesce(case one when 'payload' then payload else payload #> string_to_array(one, '.') end, 'null');
        if jsonb_typeof(found) in ('object', 'array') or length(found::text) > 128 then
            raise exception 'stook: the value at % is too long or no scalar, and a key of the task', one
                using errcode = 'feature_not_supported', hint = 'invoke it from Python';
        end if;
        texts := texts || case texts when '' then '' else ',' end || to_json(one)::text || ':' || found::text;
    end loop;
    if texts <> '' then
        lane := substr(encode(sha256(convert_to(texts, 'UTF8')), 'hex'), 1, 8) || ':{' || texts || '}';
    end if;
    foreach one in array coalesce(units, '{}') loop
        found := case one when 'payload' then payload else payload #> string_to_array(one, '.') end;
        if found is null or jsonb_typeof(found) <> 'number' then
            found := '1';
        elsif found::numeric < 0 then
            found := '0';
        end if;
        cost := coalesce(cost || ',', '') || to_json(one)::text || ':' || found::text;
    end loop;
    cost := '{' || cost || '}';
end
$$;

-- Counts an item against the project's quotas; as `stook.store.script.charge`.
create function charge_item(of_project text, of_batch bytea, size bigint, at bigint) returns void language plpgsql as $$
declare
    row project%rowtype;
    more record;
    burst double precision;
begin
    select * into row from project p where p.name = of_project and (p.counted = 1 or p.max_rate is not null) for update;
    if not found then
        return;
    end if;
    if row.counted = 1 then
        with gone as (delete from queue_change q where q.project = of_project returning q.items, q.bytes)
        select coalesce(sum(items), 0) as items, coalesce(sum(bytes), 0) as bytes into more from gone;
        row.queued_items := row.queued_items + more.items;
        row.queued_bytes := row.queued_bytes + more.bytes;
        if greatest(row.queued_items, 0) + 1 > row.max_queued_items then
            raise exception 'stook: project % has % items in its queue, one more exceeds its max_queued_items=%',
                of_project, row.queued_items, row.max_queued_items
                using errcode = 'configuration_limit_exceeded', hint = 'wait until some have ended';
        elsif greatest(row.queued_bytes, 0) + size > row.max_payload_bytes then
            raise exception 'stook: project % has % bytes of payload in its queue, % more exceed its max_payload_bytes=%',
                of_project, row.queued_bytes, size, row.max_payload_bytes
                using errcode = 'configuration_limit_exceeded', hint = 'wait until some have ended';
        end if;
        row.queued_items := greatest(row.queued_items, 0) + 1;
        row.queued_bytes := greatest(row.queued_bytes, 0) + size;
        insert into batch_size (batch_id, project, bytes) values (of_batch, of_project, size);
    end if;
    if row.max_rate is not null then
        burst := greatest(10 * row.max_rate, 10000);
        row.tokens := case when row.tokens is null or row.tokens_at is null then burst
            else least(burst, row.tokens + greatest(0, at - row.tokens_at) / 1000000.0 * row.max_rate) end;
        if row.tokens < 1 then
            raise exception 'stook: project % submits faster than its max_rate=% items a second',
                of_project, row.max_rate
                using errcode = 'configuration_limit_exceeded', hint = 'try again in a moment';
        end if;
        row.tokens := row.tokens - 1;
        row.tokens_at := at;
    end if;
    update project p set queued_items = row.queued_items, queued_bytes = row.queued_bytes, tokens = row.tokens,
        tokens_at = row.tokens_at where p.name = of_project;
end
$$;

-- A whole number in options, or null; what is none is an error that names it.
create function option_number(options jsonb, name text) returns numeric language plpgsql immutable as $$
begin
    if not options ? name or options -> name = 'null' then
        return null;
    elsif jsonb_typeof(options -> name) <> 'number' then
        raise exception 'stook: % is % and no number', name, options -> name using errcode = 'invalid_parameter_value';
    end if;
    return (options ->> name)::numeric;
end
$$;

create function option_text(options jsonb, name text, longest integer) returns text language plpgsql immutable as $$
begin
    if not options ? name or options -> name = 'null' then
        return null;
    elsif jsonb_typeof(options -> name) <> 'string' or length(options ->> name) not between 1 and longest then
        raise exception 'stook: % is % and no text of 1 to % characters', name, options -> name, longest
            using errcode = 'invalid_parameter_value';
    end if;
    return options ->> name;
end
$$;

-- One execution of the task, in the caller's transaction; its id, or that of the unfinished one that holds the
-- dedupe_key. Options: priority, delay (seconds), run_at (text with a time zone, or milliseconds), dedupe_key, queue,
-- project.
create function invoke(task text, payload jsonb default null, options jsonb default '{}') returns uuid
language plpgsql as $$
#variable_conflict use_variable
declare
    now_at bigint := clock_us();
    due bigint;
    priority integer;
    of_project text;
    dedupe text;
    known record;
    content bytea := convert_to(coalesce(payload, 'null')::text, 'UTF8');
    size integer := length(content);
    id bytea;
    random text := replace(gen_random_uuid()::text, '-', '');
    holder record;
    place record;
    rank bigint;
    wrong text;
begin
    if options is null then
        options := '{}';
    elsif jsonb_typeof(options) <> 'object' then
        raise exception 'stook: options is % and no object', options using errcode = 'invalid_parameter_value';
    end if;
    select o.key into wrong from jsonb_object_keys(options) as o (key)
    where o.key not in ('priority', 'delay', 'run_at', 'dedupe_key', 'queue', 'project') limit 1;
    if wrong is not null then
        raise exception 'stook: there is no option %', wrong using errcode = 'invalid_parameter_value',
            hint = 'known are priority, delay, run_at, dedupe_key, queue and project';
    end if;
    if task is null then
        raise exception 'stook: task is null' using errcode = 'null_value_not_allowed';
    end if;
    if option_number(options, 'priority') <> trunc(option_number(options, 'priority'))
        or abs(option_number(options, 'priority') + 0.5) > 2147483648 then
        raise exception 'stook: priority=% is no whole number of 32 bits', options -> 'priority'
            using errcode = 'invalid_parameter_value';
    end if;
    priority := coalesce(option_number(options, 'priority'), 0);
    of_project := coalesce(option_text(options, 'project', 128), 'default');
    dedupe := option_text(options, 'dedupe_key', 512);
    if coalesce(options -> 'run_at', 'null') <> 'null' and coalesce(options -> 'delay', 'null') <> 'null' then
        raise exception 'stook: run_at and delay are two times' using errcode = 'invalid_parameter_value',
            hint = 'give one of them';
    elsif jsonb_typeof(options -> 'run_at') = 'string' then
        if options ->> 'run_at' !~* '(z|[+-][0-9]{2}(:?[0-9]{2})?)$' then
            raise exception 'stook: run_at=% has no time zone', options -> 'run_at'
                using errcode = 'invalid_parameter_value', hint = 'like 2030-01-31T12:00:00Z, or milliseconds';
        end if;
        due := extract(epoch from (options ->> 'run_at')::timestamptz) * 1000000;
    elsif option_number(options, 'run_at') is not null then
        due := least(greatest(option_number(options, 'run_at') * 1000, 0), 9223372036854775807);
    elsif option_number(options, 'delay') < 0 then
        raise exception 'stook: delay=% is below 0', options -> 'delay' using errcode = 'invalid_parameter_value';
    elsif option_number(options, 'delay') is not null then
        due := least(now_at + option_number(options, 'delay') * 1000000, 9223372036854775807);
    end if;
    if size > 4194304 then
        raise exception 'stook: the payload has % bytes of JSON, the limit is 4194304', size
            using errcode = 'program_limit_exceeded', hint = 'store the content elsewhere and pass a reference';
    end if;

    select t.queue, t.policy into known from (
        select p.queue, p.policy, 0 as rest from project_task p where p.project = of_project and p.name = task
        union all select o.queue, o.policy, 1 from task o where o.name = task
    ) t order by t.rest limit 1;
    if not found then
        raise exception 'stook: there is no task %', quote_literal(task) using errcode = 'no_data_found',
            hint = 'a worker tells of its tasks when it starts; is the name right?';
    elsif coalesce(option_text(options, 'queue', 128), known.queue) <> known.queue then
        raise exception 'stook: task % lives in the queue % and not in %', quote_literal(task),
            quote_literal(known.queue), quote_literal(options ->> 'queue')
            using errcode = 'no_data_found', hint = 'leave queue out';
    elsif exists (
        select from registration r where r.project = of_project and r.task = task and r.invocable = 0
    ) then
        raise exception 'stook: task % is not invoked, its triggers start it', quote_literal(task)
            using errcode = 'wrong_object_type', hint = 'add Invocable() to its triggers';
    end if;
    place := lane_of(known.policy::jsonb, payload);

    -- 48 bits milliseconds, version 7, 12 bits for those of one millisecond, variant, 30 bits random, index 0.
    id := decode(
        lpad(to_hex(now_at / 1000), 12, '0') || '7' || substr(random, 1, 3)
        || lpad(to_hex((('x' || substr(random, 5, 8))::bit(32)::bigint & 1073741823) | 2147483648), 8, '0')
        || '00000000', 'hex'
    );
    while dedupe is not null loop
        insert into dedupe as d (project, task, key, batch_id, idx) values (of_project, task, dedupe, id, 0)
        on conflict on constraint dedupe_pkey do update
        set batch_id = excluded.batch_id, idx = excluded.idx, ttl = null, free_at = null where d.free_at <= now_at;
        exit when found;
        select d.batch_id, d.idx into holder from dedupe d
        where d.project = of_project and d.task = task and d.key = dedupe;
        if found then
            return encode(substr(holder.batch_id, 1, 12) || int4send(holder.idx), 'hex')::uuid;
        end if;
    end loop;

    perform charge_item(of_project, id, size + 2, now_at);
    select coalesce(
        (select s.rank from segment s where s.task = task and s.project = of_project and s.lane = ''
            and s.priority = priority and s.status = 0 and s.held = 0 order by s.rank limit 1),
        (select s.rank from segment s where s.project = of_project and s.status + s.held = 0 order by s.rank limit 1),
        0
    ) into rank;
    due := nullif(greatest(due, now_at), now_at);
    insert into chunk (batch_id, first, count, extras, starts, payloads) values (
        id, 0, 1, '{"0":{"run_at":' || due || '}}',
        decode('01000000' || lpad(to_hex((size + 2) & 255), 2, '0') || lpad(to_hex((size + 2) >> 8 & 255), 2, '0')
            || lpad(to_hex((size + 2) >> 16 & 255), 2, '0') || lpad(to_hex((size + 2) >> 24), 2, '0'), 'hex'),
        '\x5b'::bytea || content || '\x5d'::bytea
    );
    insert into state (batch_id, first, states)
    values (id, 0, case when due is null then '\x00'::bytea else '\x01'::bytea end);
    insert into segment (
        batch_id, first, pos, stop, project, task, queue, priority, rank, round, attempt, status, due_at, ready_at, lane,
        cost
    ) values (
        id, 0, 0, 1, of_project, task, known.queue, priority, rank, 1, 1, (due is not null)::integer, due,
        case when due is null then now_at end, place.lane, place.cost
    );
    if place.lane <> '' or place.cost is not null then
        insert into chunk_lane (batch_id, first, lanes)
        values (id, 0, json_build_array(json_build_array(place.lane, place.cost, json_build_array(0)))::text);
    end if;
    insert into batch (
        id, project, task, queue, name, single, keyed, phase, priority, policy, total, consumed, scheduled, rank,
        created_at, sealed_at
    ) values (
        id, of_project, task, known.queue, task, 1,
        case when dedupe is null then 0 else 2 end
            | case when place.lane <> '' or place.cost is not null then 64 else 0 end,
        'active', priority, known.policy, 1, 1, (due is not null)::integer, rank + (due is null)::integer, now_at, now_at
    );
    perform ring(case when due is null then 'task:' || task else 'timer' end);
    return encode(id, 'hex')::uuid;
end
$$;

do $$
declare
    one text;
begin
    foreach one in array array[
        'ring(text)', 'clock_us()', 'row_changed()', 'watch_rows(text, text, text[])', 'unwatch_rows()',
        'lane_of(jsonb, jsonb)', 'charge_item(text, bytea, bigint, bigint)', 'invoke(text, jsonb, jsonb)'
    ] loop
        execute format('alter function %s set search_path = %I, pg_temp', one, current_schema());
    end loop;
end
$$;
