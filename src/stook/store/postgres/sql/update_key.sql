update api_key k set digest = n.digest, old_digest = n.old_digest, old_until = n.old_until, revoked_at = n.revoked_at
from unnest(
    $1::text[], $2::bytea[], $3::bytea[], $4::bigint[], $5::bigint[]
) as n (id, digest, old_digest, old_until, revoked_at)
where k.id = n.id;
