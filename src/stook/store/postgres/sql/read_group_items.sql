-- Executions from $3 to $4 - 1 whose last final failure is of the group.
-- `final + 0`: a later one is found by its execution, not among all failures of the batch.
select f.idx from failure f
where f.batch_id = $1 and f.fingerprint = $2 and f.final = 1 and f.idx >= $3 and f.idx < $4 and not exists (
    select 1 from failure later
    where later.batch_id = f.batch_id and later.idx = f.idx and later.final + 0 = 1 and later.round > f.round
)
order by f.idx limit $5;
