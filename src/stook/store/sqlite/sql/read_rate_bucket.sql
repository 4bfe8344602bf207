select project, task, name, key, tokens, at from rate_bucket where project = ?1 and task = ?2 and name = ?3 and key = ?4;
