select id, digest, total, sealed_at from batch where project = $1 and key = $2;
