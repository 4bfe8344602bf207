-- The trace that a batch was submitted in: its W3C context as JSON; null where nobody traced.
alter table batch add column trace text;
