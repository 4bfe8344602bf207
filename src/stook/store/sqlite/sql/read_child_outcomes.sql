select o.batch_id, o.settle, o.first, o.lo, o.hi, o.picks, o.state, o.round, o.blobs, o.results, b.reason
from outcome o join batch b on b.id = o.batch_id where o.batch_id = ?1 and o.settle = ?2;
