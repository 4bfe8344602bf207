-- What is told of executions that succeeded: parents that wait for them go on, children nobody waits for any more fail,
-- and rows are kept or deleted as their task says. $1 JSON of {execution_id, task, result}, $2 their tasks.
with moment as (
    select clock() as at
), settings as (
    select name, max_attempts, keep_completed, keep_failed from task where name = any($2)
), done as (
    select * from jsonb_to_recordset($1) as x (execution_id uuid, task text, result jsonb)
), told as (
    insert into step (execution_id, queue, key, result)
    select p.id, p.queue, p.waits_in, done.result from done join execution p on p.waits_for = done.execution_id
    on conflict (execution_id, key) do nothing
), orphaned as (
    update execution e set
        failed_at = moment.at, completed_at = null, last_error = 'nobody waits for it', locked_by = null, locked_at = null
    from moment, done
    where e.id = done.execution_id and e.parent is not null
      and not exists (select from execution p where p.waits_for = done.execution_id)
    returning e.id
), woken as (
    update execution e set run_at = moment.at, waits_for = null, waits_in = null, locked_by = null, locked_at = null
    from moment, done where e.waits_for = done.execution_id
), dropped as (
    delete from execution e using done, settings
    where e.id = done.execution_id and settings.name = done.task and settings.keep_completed = 0
      and not exists (select from orphaned o where o.id = e.id)
), kept as (
    update execution e set completed_at = moment.at, locked_by = null, locked_at = null
    from moment, done, settings
    where e.id = done.execution_id and settings.name = done.task
      and (settings.keep_completed is null or settings.keep_completed <> 0)
      and not exists (select from orphaned o where o.id = e.id)
)
select from moment;
