-- There is nothing like it (migration 0013).
select 'unsupported' where ?1 is not null and ?2 is not null and ?3 is not null;
