select id, digest, total, consumed, sealed_at from batch where project = $1 and key = $2;
