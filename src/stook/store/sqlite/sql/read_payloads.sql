-- ?3 is the place of the first byte, counted from 1; ?4 how many bytes.
select batch_id, first, substr(payloads, ?3, ?4) from chunk where batch_id = ?1 and first = ?2;
