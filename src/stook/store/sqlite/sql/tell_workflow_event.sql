-- Answered with those that were not told before.
insert into workflow_event (batch_id, idx, name) values (?1, ?2, ?3) on conflict do nothing returning batch_id, idx, name;
