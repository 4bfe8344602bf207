-- Batches that have not ended, added up: a row each, however many items they have.
select project, queue, phase, count(*), sum(total), sum(succeeded), sum(failed), sum(cancelled),
       sum(expired), sum(scheduled), sum(suspended)
from batch where phase not in ('closed', 'deleted') group by project, queue, phase;
