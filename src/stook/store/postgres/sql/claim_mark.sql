-- One of many who ask for a name gets it back, ever; the others wait until that is sure.
insert into meta (name, value)
select * from unnest($1::text[], $2::text[])
on conflict do nothing returning name;
