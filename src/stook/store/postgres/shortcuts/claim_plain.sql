-- A claim where nothing is paused, suspected or apart, and no limit is near: of one project's work of tasks $1, in order,
-- $3 items of at most $4 segments. It takes the plain ones at the front: of a policy among $7, or among $8 if the task's
-- terms are known, in whole, of payloads that lie in the chunk, in batches none of whose bits $10 is set, all of them in a
-- state of $9. $5 are tokens, $6 is a lease's length. Known of tasks $12 in projects $11 are their terms $13
-- (null: none), which let $14 run at once (null: any number), and the keys of their guards, $15. Then the clock or null, the receipt's slot and
-- mark. No row: nothing was taken.
-- A task at its limit is passed over; one that has less room than is asked for, or whose guard another claim holds, is not
-- plain.
-- Locks: guards and segments, passing over what another claim holds. Nothing here waits, and as with `claim_heads` the
-- commit need not reach the disk.
with clock as materialized (
    select coalesce($16::bigint, (extract(epoch from clock_timestamp()) * 1000000)::bigint) as at,
           set_config('synchronous_commit', 'off', true) as faster
), flow as materialized (
    select t.task, p.project,
        (select s.project from segment s where s.task = t.task and s.status = 0 and s.held = 0
         order by s.project desc limit 1) as last_project,
        (select s.lane from segment s where s.task = t.task and s.project = p.project and s.status = 0 and s.held = 0
         order by s.lane desc limit 1) as last_lane
    from unnest($1::text[]) as t (task)
    cross join lateral (
        select s.project from segment s where s.task = t.task and s.status = 0 and s.held = 0 order by s.project limit 1
    ) p
), calm as materialized (
    select min(project) as project from flow
    where not exists (
        select from unnest($1::text[]) as t (task)
        cross join lateral (
            select s.id from segment s where s.task = t.task and s.status = 2 and s.held = 0 order by s.id limit 1
        ) suspect
    )
    having min(project) = max(last_project) and max(last_lane) = ''
), bound as materialized (
    select flow.task, flow.project, terms.body, k.body as known, k.guard, least(k.n, q.max_concurrency) as n
    from calm join flow on flow.project = calm.project
    left join lateral (
        select body from task_terms where task = flow.task and project in ('', flow.project)
        order by project desc limit 1
    ) terms on true
    left join quota q on q.scope = 'task' and q.project = flow.project and q.name = flow.task
    left join unnest($11::text[], $12::text[], $13::text[], $14::integer[], $15::bigint[])
        as k (project, task, body, n, guard) on k.project = flow.project and k.task = flow.task
    where not exists (
        select from quota q join calm on calm.project = q.project where q.scope <> 'task' or q.paused <> 0
    )
), agreed as materialized (
    select task, project, known, n, n - case when n is not null then held_of(guard, project, task) end as room
    from bound
    where not exists (select from bound where body is distinct from known or n is not null and guard is null)
), head as materialized (
    select s.*, agreed.known is not null as known from agreed cross join clock cross join lateral (
        select * from segment
        where task = agreed.task and project = agreed.project and lane = '' and status = 0 and held = 0
          and (expires_at is null or expires_at > clock.at)
        order by priority desc, rank, id limit $4
        for update skip locked
    ) s
    where (agreed.n is null or agreed.room > 0)
      and not exists (select from agreed where n is not null and (room is null or room > 0 and room < $3))
), placed as (
    select id, place, least(stop - pos, $3 - before)::integer as take
    from (
        select id, pos, stop, row_number() over line as place, sum(stop - pos) over line - (stop - pos) as before
        from head window line as (order by priority desc, rank, id rows unbounded preceding)
    ) h
    where before < $3 and place <= $4
), seen as (
    select h.id, h.batch_id, h.first, h.pos, h.stop, h.project, h.task, h.queue, h.priority, h.round, h.attempt,
           h.losses, h.ready_at, p.place, p.take, b.policy, b.created_at, b.metadata, b.trace, b.single,
           bool_and(
               h.picks is null and h.closed = 0 and h.cost is null and b.max_concurrency is null and b.ramp_at is null
               and b.keyed & $10 = 0 and (b.policy = any($7::text[]) or h.known and b.policy = any($8::text[])) and c.blobs is null and c.extras is null
               and btrim(substring(s.states from h.pos + 1 for p.take), $9) = ''
           ) over (order by p.place) as plain
    from placed p
    join head h on h.id = p.id
    cross join lateral (
        select policy, created_at, metadata, trace, single, keyed, max_concurrency, ramp_at
        from batch where id = h.batch_id offset 0
    ) b
    cross join lateral (select blobs, extras from chunk where batch_id = h.batch_id and first = h.first offset 0) c
    cross join lateral (select states from state where batch_id = h.batch_id and first = h.first offset 0) s
), taken as materialized (
    select * from seen where plain
), moved as (
    update segment set pos = taken.pos + taken.take from taken
    where segment.id = taken.id and taken.pos + taken.take < taken.stop
), used_up as (
    delete from segment using taken where segment.id = taken.id and taken.pos + taken.take = taken.stop
), leased as (
    insert into lease (
        token, worker, batch_id, first, lo, hi, picks, live, project, task, queue, priority, round, attempt, losses,
        alone, closed, claimed_at, expires_at, lane, cost, grp
    )
    select ($5::bigint[])[place], $2, batch_id, first, pos, pos + take, null, take, project, task, queue, priority, round,
           attempt, losses, 0, 0, clock.at, clock.at + $6, '', null, 0
    from taken cross join clock
), receipted as (
    insert into receipt (slot, mark) select $17, $18 where exists (select from taken)
    on conflict (slot) do update set mark = $18 / (receipt.mark >= 0)::integer, at = now()
)
select ($5::bigint[])[t.place], t.batch_id, t.first, t.pos, t.pos + t.take, t.project, t.task, t.queue, t.priority, t.round,
       t.attempt, t.losses, t.ready_at, t.policy, t.created_at, t.metadata, t.trace, t.single, clock.at, clock.at + $6,
       substring(c.payloads from c.lo + 1 for c.hi - c.lo - 1)
from taken t cross join clock cross join lateral (
    select payloads,
           get_byte(starts, 4 * t.pos) + (get_byte(starts, 4 * t.pos + 1) << 8)
           + (get_byte(starts, 4 * t.pos + 2) << 16) + (get_byte(starts, 4 * t.pos + 3) << 24) as lo,
           get_byte(starts, 4 * (t.pos + t.take)) + (get_byte(starts, 4 * (t.pos + t.take) + 1) << 8)
           + (get_byte(starts, 4 * (t.pos + t.take) + 2) << 16) + (get_byte(starts, 4 * (t.pos + t.take) + 3) << 24) as hi
    from chunk where batch_id = t.batch_id and first = t.first offset 0
) c
order by t.place;
