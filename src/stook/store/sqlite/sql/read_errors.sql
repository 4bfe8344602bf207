-- The failure that ended an execution in round ?3; ?4: with its traceback.
select batch_id, idx, round, code, type, message, fingerprint, case ?4 when 1 then traceback else '' end
from failure where batch_id = ?1 and idx = ?2 and round = ?3 and final = 1;
