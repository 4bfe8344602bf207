-- One of many who ask for a name gets it back, ever.
insert into meta (name, value) values (?1, ?2) on conflict do nothing returning name;
