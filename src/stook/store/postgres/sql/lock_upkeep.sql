-- Locks: rows of upkeep, in the order of their queues, passing over those another program holds.
select queue, done_at from upkeep where queue = any($1::text[]) order by queue for update skip locked;
