update state set states = n.states
from unnest($1::bytea[], $2::integer[], $3::bytea[]) as n (batch_id, first, states)
where state.batch_id = n.batch_id and state.first = n.first;
