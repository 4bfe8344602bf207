-- Locks: one table of the user's; in a transaction of its own.
select source, answer from unwatch_rows();
