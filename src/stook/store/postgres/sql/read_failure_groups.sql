select fingerprint, code, type, message, failed, attempts, first_index, first_at, last_at
from failure_group where batch_id = $1 order by failed desc, attempts desc, fingerprint limit $2;
