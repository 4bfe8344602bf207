-- How many executions of a task in a project workers hold, under the guard of its limits: null where another claim holds
-- that. Volatile: it counts what is there once the guard is taken, also in a statement that began before.
create function held_of(guard bigint, of_project text, of_task text) returns bigint language plpgsql volatile as $$
begin
    if not pg_try_advisory_xact_lock(guard) then
        return null;
    end if;
    return (select coalesce(sum(l.live), 0) from lease l where l.project = of_project and l.task = of_task);
end
$$;
