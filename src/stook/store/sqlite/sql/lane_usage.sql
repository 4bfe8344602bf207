-- Executions of a task in a project that workers hold, by lane, and the calls of the handler they make.
select project, task, lane, sum(live), sum(case when grp = 0 then live else 0 end) + count(distinct nullif(grp, 0))
from lease where project = ?1 and task = ?2 group by project, task, lane;
