update hosted_log_end e
set last = n.last, upto = n.upto, trimmed = n.trimmed, trimmed_upto = n.trimmed_upto
from unnest(
    $1::text[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[]
) as n (id, last, upto, trimmed, trimmed_upto)
where e.deployment_id = n.id;
