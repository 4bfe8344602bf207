-- Locks: buckets that are full again, passing over those a claim writes.
delete from rate_bucket where ctid = any(array(
    select ctid from rate_bucket where full_at <= $1 order by full_at limit $2 for update skip locked
));
