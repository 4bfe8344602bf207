-- Answers with nothing where it is there already.
insert into emitted (id, project, name, payload, at, until) values (?1, ?2, ?3, ?4, ?5, ?6)
on conflict (id) do nothing returning id;
