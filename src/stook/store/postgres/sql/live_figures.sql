-- Batches that have not ended, added up: a row each, however many items they have.
select project, queue, phase, count(*), sum(total)::bigint, sum(succeeded)::bigint, sum(failed)::bigint, sum(cancelled)::bigint,
       sum(expired)::bigint, sum(scheduled)::bigint, sum(suspended)::bigint
from batch where phase not in ('closed', 'deleted') group by project, queue, phase;
