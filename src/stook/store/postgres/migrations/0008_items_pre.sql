-- What single items of a batch have of their own, and what keeps them apart in the queue.

-- JSON object by offset: a timeout, metadata, what called it (core.extras.ItemExtras); null: no item has any.
alter table chunk add column extras text;

-- A lane is what items share that one group may hold, or that stand under the same keyed limits (core.lanes); '': the
-- task has no keys. cost: units that each item takes of the task's rate limits, a JSON list; null: one of each.
alter table segment add column lane text collate "C" not null default '';
alter table segment add column cost text;
alter table lease add column lane text collate "C" not null default '';
alter table lease add column cost text;

drop index segment_ready;
create index segment_ready on segment (task, project, lane, priority desc, rank, id) where status = 0 and held = 0;
