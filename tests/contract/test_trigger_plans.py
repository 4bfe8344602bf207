"""What emits, ticks and waits asks touches a handful of rows, however many schedules, subscriptions and events there
are."""

from __future__ import annotations

from stook.store.script.upkeep import look_ahead
from stook.store.statement import Many
from tests.contract.test_plans import postgres_rows, sqlite_steps

MANY = 20_000
FAR = 10**18


def statements(now):
    return {
        "due_schedules": (now, 100),
        "event_subscriptions": ("e77", "default"),
        "find_tasks": ("default", "t7"),
        "list_schedules": ("default", None, "t777", "", 50),
        "lock_due_schedules": (now, 100),
        "lock_one_due_schedule": ("default", "t7", "s", now),
        "lock_owing_schedules": (now, 100),
        "lock_schedule": ("default", "t7", "s"),
        "lock_task_schedules": ("default", "t7"),
        "next_due": (),
        "purge_emitted": (now, 1000),
        "read_emitted_since": ("default", "e77", now, b"", 50),
        "read_schedule_runs": ("default", "t7", "s"),
        "read_subscriptions": ("default", "t7"),
        "running_schedules": ("default", "t7", "s"),
    }


def crowd(now):
    yield Many("upsert_schedule", [_schedule(number, now) for number in range(MANY)])
    rows = [("default", f"t{one}", "event", 0, f"e{one}", None, None, None) for one in range(MANY)]
    yield Many("insert_subscription", rows)
    runs = [(number.to_bytes(16, "big"), "default", f"t{number}", "s", now) for number in range(MANY)]
    yield Many("insert_schedule_run", runs)
    tasks = [(f"t{number}", "default", "{}", None, now) for number in range(MANY)]
    yield Many("upsert_task", tasks)


def _schedule(number, now):
    times = (FAR, FAR, 0, 0, None, None, None, now, now)
    return ("default", f"t{number}", "s", "* * * * *", "UTC", b"null", 0, "one", "allow", 1, None, 0, *times)


async def test_they_touch_a_handful_of_rows(store):
    store.audited = False
    await store.write(crowd, store.clock.now)
    asked = statements(store.clock.now)
    if store.kind == "sqlite":
        del asked["purge_emitted"]  # it changes something, which the tables' own connection may not
        looked_at = {name: await sqlite_steps(store, name, params) for name, params in asked.items()}
        assert {name: ticks for name, ticks in looked_at.items() if ticks > 5} == {}
    else:
        from stook.store.postgres.connect import connect

        connection = await connect(store.store.url, "stook", timeout=None)
        try:
            for analyzed in (False, True):
                if analyzed:
                    await store.tables.connection.execute("analyze")
                looked_at = {name: await postgres_rows(connection, name, params) for name, params in asked.items()}
                assert {name: rows for name, rows in looked_at.items() if rows > 250} == {}, f"analyzed: {analyzed}"
        finally:
            await connection.close()
    assert await store.read(look_ahead) == FAR - store.clock.now
