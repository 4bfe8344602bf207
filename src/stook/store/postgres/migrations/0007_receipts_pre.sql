-- What the act of a request under an Idempotency-Key came to, written in the act's own transaction: whoever brings the
-- key again does not act again, whether there was an answer or not. MessagePack; null: nothing was done so far.
alter table request add column done bytea;

-- Insert-only: what stands for each item that a submission with dedupe keys has consumed, also for those left out: what
-- is sent again is compared with these.
create table consumed_block (
    batch_id        bytea not null,
    first           integer not null,           -- of the input, as batch.consumed counts; at most 512 items
    digests         bytea not null,             -- 16 bytes for each
    primary key (batch_id, first)
);
