-- How batches of hosted code have ended: lists that ask for it pass over none of the others.
-- 0 a single submission that has not; 16 a batch that has not; else bits: 1 succeeded, 2 failed, 4 cancelled, 8 expired.
alter table hosted_batch add column ended integer not null default 0;
update hosted_batch set ended = (
    select case
        when b.total > b.succeeded + b.failed + b.cancelled + b.expired or b.total = 0
            then case when b.single = 1 then 0 else 16 end
        else case when b.succeeded > 0 then 1 else 0 end + case when b.failed > 0 then 2 else 0 end
             + case when b.cancelled > 0 then 4 else 0 end + case when b.expired > 0 then 8 else 0 end
    end
    from batch b where b.id = hosted_batch.batch_id
)
where exists (select 1 from batch b where b.id = hosted_batch.batch_id);
create index hosted_batch_ended on hosted_batch (project, dialect, app, ended, batch_id);

-- With what the API nodes of a project's workflows sign what they send: encrypted. Before from_at they sign as they did.
create table workspace_secret (
    project         text primary key,
    sealed          bytea not null,
    from_at         bigint not null,
    before          bytea                          -- null: they did not
);
