-- All of lease $2, items $3 to $4 of a chunk of batch $1, has succeeded, and that is all there is to it: the batch goes
-- on, nobody counts its project's queue or listens to its ends, and none of its bits $9 is set. $5 durations, $6 results,
-- $7 the states they may be in, $8 the states they are in then, one each; then the clock or null, the receipt's slot and
-- mark. No row: nothing has happened. What does not fit once the batch is locked divides by zero, for the same end.
-- Locks: the batch, then the lease, then the state: each waits for the rows of the one before.
with held as materialized (
    update batch set
        settled = batch.settled + $4 - $3, succeeded = batch.succeeded + $4 - $3, streak = 0,
        started_at = least(batch.started_at, l.claimed_at)
    from lease l
    where batch.id = $1 and l.token = $2 and l.batch_id = batch.id and l.lo = $3 and l.hi = $4 and l.picks is null
      and l.attempt > 0 and batch.phase in ('open', 'active') and batch.stop is null and batch.probe is null
      and batch.keyed & $9 = 0
      and (
          batch.sealed_at is null
          or batch.total - batch.succeeded - batch.failed - batch.cancelled - batch.expired > $4 - $3
      )
      and not exists (select from webhook_hook h where h.project = batch.project)
      and not exists (select from project p where p.name = batch.project and p.counted = 1)
    returning batch.settled - ($4 - $3) as settle, l.first, l.round, l.attempt,
              coalesce($10::bigint, (extract(epoch from clock_timestamp()) * 1000000)::bigint) as at
), let_go as (
    delete from lease using held where lease.token = $2 returning 1
), ended as (
    update state set states = overlay(state.states placing $8 from $3 + 1)
    where state.batch_id = $1 and state.first = (select first from held where (select count(*) from let_go) = 1)
      and btrim(substring(state.states from $3 + 1 for $4 - $3), $7) = ''
    returning 1
), written as (
    insert into outcome (
        batch_id, settle, first, lo, hi, picks, count, state, round, attempt, finished_at, durations, blobs, results
    )
    select $1, settle, first, $3, $4, null, $4 - $3, 4, round, attempt, at, $5, null, $6 from held
), receipted as (
    insert into receipt (slot, mark) select $11, $12 where exists (select from held)
    on conflict (slot) do update set mark = $12 / (receipt.mark >= 0)::integer, at = now()
)
select 1 / (select count(*) from ended) from held;
