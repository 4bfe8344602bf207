update batch set
    phase = n.phase, ended = n.ended, keyed = n.keyed, max_concurrency = n.max_concurrency, total = n.total,
    consumed = n.consumed, succeeded = n.succeeded, failed = n.failed, cancelled = n.cancelled, expired = n.expired,
    scheduled = n.scheduled, suspended = n.suspended, settled = n.settled, retries = n.retries, losses = n.losses,
    streak = n.streak, round = n.round, rank = n.rank, stop = n.stop, reason = n.reason, probe = n.probe,
    sealed_at = n.sealed_at, started_at = n.started_at, finished_at = n.finished_at, ramp_at = n.ramp_at,
    deadline_at = n.deadline_at, open_until = n.open_until
from unnest(
    $1::bytea[],
    $2::text[], $3::text[], $4::integer[], $5::integer[], $6::integer[], $7::integer[], $8::integer[],
    $9::integer[], $10::integer[], $11::integer[], $12::integer[], $13::integer[], $14::bigint[], $15::integer[],
    $16::integer[], $17::integer[], $18::integer[], $19::bigint[], $20::text[], $21::text[], $22::text[],
    $23::bigint[], $24::bigint[], $25::bigint[], $26::bigint[], $27::bigint[], $28::bigint[]
) as n (
    id,
    phase, ended, keyed, max_concurrency, total, consumed, succeeded, failed, cancelled, expired, scheduled,
    suspended, settled, retries, losses, streak, round, rank, stop, reason, probe, sealed_at, started_at, finished_at,
    ramp_at, deadline_at, open_until
) where batch.id = n.id;
