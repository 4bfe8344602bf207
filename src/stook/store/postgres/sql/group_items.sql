-- Executions whose last final failure is of this group.
select f.idx from failure f
where f.batch_id = $1 and f.fingerprint = $2 and f.final = 1 and not exists (
    select 1 from failure later
    where later.batch_id = f.batch_id and later.idx = f.idx and later.final = 1 and later.round > f.round
);
