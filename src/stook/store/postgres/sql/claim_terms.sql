-- Limits and pauses, with the clock for the verb's `Now`: one row of nulls where there are none. The commit of a claim
-- need not reach the disk before work begins: one that a power cut forgets never was, its items wait again and its
-- token settles nothing; a settlement's commit brings it along.
select q.scope, q.project, q.name, q.max_concurrency, q.paused,
       (extract(epoch from clock_timestamp()) * 1000000)::bigint
from (select set_config('synchronous_commit', 'off', true)) s (setting)
left join quota q on s.setting is not null;
