select project, task, kind, number, source, ops, condition, fields
from subscription where kind = 'event' and source = ?1 and project = ?2 order by task, number;
