insert into webhook_attempt (
    delivery_id, run, attempt, at, headers, code, error, duration, answer
) values (
    ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9
);
