select project, task, kind, number, source, ops, condition, fields
from subscription where kind = 'row' and project = ?1 and source = ?2;
