-- Locks: one deleted batch, passing over those another purge holds: a purge that finds a table empty has emptied it.
select id from batch where phase = 'deleted' order by id limit 1 for update skip locked;
