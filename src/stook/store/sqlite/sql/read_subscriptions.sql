select project, task, kind, number, source, ops, condition, fields
from subscription where project = ?1 and task = ?2;
