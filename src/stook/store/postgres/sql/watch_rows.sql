-- Locks: the user's table, once, where the trigger is missing; in a transaction of its own.
select watch_rows($1, $2, array(select json_array_elements_text($3::json)));
