"""`stook.invoke(task, payload, options)`: one submission, from any language that speaks SQL."""

from __future__ import annotations

import asyncio
import time
import uuid

import asyncpg
import msgspec
import pytest

from stook import App
from stook.core.chunk import make_chunk
from stook.core.ids import batch_of, index_of
from stook.core.lanes import Laner
from stook.core.policy import BatchConfig, ConcurrencyLimit, RateLimit, TaskPolicy
from stook.store.script.project import change_project, show_project
from stook.store.script.submit import NewBatch, submit
from stook.store.script.task_row import see_tasks
from tests.contract.batches import drain, inputs, policy, run_due, take

MILLION = 1_000_000


@pytest.fixture
def sql(store, installed_postgres, runner):
    """A stranger's connection: it knows nothing of stook's search path."""
    store.clock.now = time.time_ns() // 1000
    runner.run(store.write(see_tasks, [("greet", "default", policy(), None)], 0))
    connection = runner.run(asyncpg.connect(installed_postgres))
    yield connection
    runner.run(connection.close())


async def _invoke(sql, task="greet", payload="null", options="{}"):
    found = await sql.fetchval("select stook.invoke($1, $2::jsonb, $3::jsonb)", task, payload, options)
    return uuid.UUID(str(found)).bytes


async def test_it_writes_the_rows_of_a_single_submission(store, sql):
    raw = await _invoke(sql, payload='{"name": "Ann", "n": 1.50}', options='{"priority": 7, "dedupe_key": "ann"}')
    payload = b'{"n": 1.50, "name": "Ann"}'
    new = NewBatch(
        id=store.ids(),
        project="default",
        task="greet",
        queue="default",
        name="greet",
        policy=policy(),
        single=True,
        priority=7,
    )
    await store.write(submit, new, [make_chunk([payload], dedupe=["other"])])
    for table in ("batch", "chunk", "state", "segment", "dedupe"):
        key = "id" if table == "batch" else "batch_id"
        (rows,) = await store.tables.fetch(f"select to_jsonb(t) from {table} t order by {key} = '\\x{raw.hex()}'")
        theirs, ours = (msgspec.json.decode(row[0]) for row in rows)
        differ = {name for name in ours if ours[name] != theirs[name]}
        assert differ <= {"id", "batch_id", "created_at", "sealed_at", "ready_at", "key", "rank"}, table
    assert (raw[6] >> 4, raw[8] >> 6, index_of(raw)) == (7, 2, 0)
    await store.audit()


async def test_a_worker_runs_it(store, sql):
    raw = await _invoke(sql, payload='["é", {"deep": null}]')
    claimed = await take(store, tasks=("greet",))
    assert [item for one in claimed.slices for item in inputs(one)] == ['["é", {"deep": null}]'.encode()]
    assert claimed.slices[0].batch_id == batch_of(raw)


async def test_nothing_is_left_of_it_when_the_caller_rolls_back(store, sql):
    transaction = sql.transaction()
    await transaction.start()
    await _invoke(sql, options='{"dedupe_key": "a"}')
    await transaction.rollback()
    found = await store.tables.fetch(*(f"select * from {name}" for name in ("batch", "chunk", "segment", "dedupe")))
    assert found == [[], [], [], []]


async def test_it_wakes_whoever_waits_for_the_task(store, sql):
    odd = "grüße\n"
    await store.write(see_tasks, [(odd, "default", policy(), None)], 0)
    await store.store.wait(("none",), 0.0)
    await store.store.write(lambda: see_tasks([], 0))
    for task in ("greet", odd):
        rung = False
        for _ in range(50):  # listening begins at some time after the first wait
            mark = store.store.mark()
            await _invoke(sql, task)
            rung = await store.store.wait((f"task:{task}",), 0.09, mark)
            if rung:
                break
        assert rung


@pytest.mark.parametrize(
    ("options", "after"),
    [('{"delay": 60}', 60), ('{"delay": 0.5}', 0.5), ('{"delay": 0}', None), ('{"run_at": 0}', None)],
)
async def test_what_is_to_come_later_waits(store, sql, options, after):
    await _invoke(sql, options=options)
    await store.audit()
    (((extras, due),),) = await store.tables.fetch("select extras, due_at from chunk join segment using (batch_id)")
    assert (extras, due) == (None, None) if after is None else extras == f'{{"0":{{"run_at":{due}}}}}'
    store.clock.now = time.time_ns() // 1000
    if after is not None:
        assert await drain(store, tasks=("greet",)) == 0
        assert await run_due(store, after) == 1
    assert await drain(store, tasks=("greet",)) == 1


@pytest.mark.parametrize("shown", ['"2999-01-01T00:00:00Z"', '"2999-01-01T02:00:00+02:00"', "32472144000000"])
async def test_a_time_is_said_as_text_or_in_milliseconds(store, sql, shown):
    await _invoke(sql, options=f'{{"run_at": {shown}}}')
    (((due, status),),) = await store.tables.fetch("select due_at, status from segment")
    assert (due, status) == (32472144000000 * 1000, 1)


async def test_the_holder_of_a_key_answers_while_it_is_unfinished(store, sql, installed_postgres):
    first = await _invoke(sql, options='{"dedupe_key": "k"}')
    assert await _invoke(sql, payload="5", options='{"dedupe_key": "k"}') == first
    other = await asyncpg.connect(installed_postgres)
    transaction = other.transaction()
    await transaction.start()
    await _invoke(other, options='{"dedupe_key": "j"}')
    await sql.execute("set lock_timeout = '20ms'")
    with pytest.raises(asyncpg.LockNotAvailableError):
        await _invoke(sql, options='{"dedupe_key": "j"}')  # waits for what becomes of the other
    await transaction.rollback()
    await other.close()
    await _invoke(sql, options='{"dedupe_key": "j"}')
    assert await drain(store, tasks=("greet",)) == 2
    assert await _invoke(sql, options='{"dedupe_key": "k"}') != first
    await store.audit()


@pytest.mark.parametrize(
    ("task", "options", "code", "words"),
    [
        ("gret", "{}", "P0002", "there is no task 'gret'"),
        ("greet", '{"queue": "slow"}', "P0002", "lives in the queue 'default' and not in 'slow'"),
        ("greet", '{"colour": 1}', "22023", "no option colour"),
        ("greet", "[]", "22023", "no object"),
        ("greet", '{"priority": 2147483648}', "22023", "priority"),
        ("greet", '{"priority": 1.5}', "22023", "priority"),
        ("greet", '{"priority": "1"}', "22023", "priority"),
        ("greet", '{"delay": -1}', "22023", "below 0"),
        ("greet", '{"delay": 1, "run_at": 1}', "22023", "two times"),
        ("greet", '{"run_at": "2030-01-01T00:00:00"}', "22023", "no time zone"),
        ("greet", '{"dedupe_key": ""}', "22023", "dedupe_key"),
    ],
    ids=["task", "queue", "option", "object", "big", "fraction", "text", "past", "both", "naive", "key"],
)
async def test_what_it_cannot_do_is_an_error_that_says_so(store, sql, task, options, code, words):
    with pytest.raises(asyncpg.PostgresError, match=words) as caught:
        await _invoke(sql, task, options=options)
    assert caught.value.sqlstate == code
    assert (await store.tables.fetch("select 1 from batch"))[0] == []


async def test_a_task_that_only_triggers_start_is_not_invoked(store, sql):
    await sql.execute("insert into stook.registration values ('default', 'greet', 'app', 'x', 0, 0)")
    with pytest.raises(asyncpg.WrongObjectTypeError, match="its triggers start it"):
        await _invoke(sql)


async def test_a_payload_has_a_limit(sql):
    with pytest.raises(asyncpg.ProgramLimitExceededError, match="4194304"):
        await _invoke(sql, payload='"' + "x" * 4194303 + '"')
    await _invoke(sql, payload='"' + "x" * 4194302 + '"')


async def test_quotas_count_it(store, sql):
    await store.write(change_project, "default", {"max_queued_items": 2, "max_payload_bytes": 100, "max_rate": 50.0})
    await _invoke(sql)
    await _invoke(sql, payload='"' + "x" * 40 + '"')
    with pytest.raises(asyncpg.PostgresError, match="max_queued_items=2"):
        await _invoke(sql)
    project = await store.read(show_project, "default")
    assert (project.queued_items, project.queued_bytes) == (2, len(b"[null]") + 44)
    assert 10_000 - 2 <= project.tokens <= 10_000 - 1
    await drain(store, tasks=("greet",))
    await store.write(change_project, "default", {"max_queued_items": 100, "max_payload_bytes": 50})
    with pytest.raises(asyncpg.PostgresError, match="max_payload_bytes=50"):
        await _invoke(sql, payload='"' + "x" * 50 + '"')
    await store.write(change_project, "default", {"max_payload_bytes": None, "max_rate": 0.001})
    await sql.execute("update stook.project set tokens = 0.5, tokens_at = $1", time.time_ns() // 1000)
    with pytest.raises(asyncpg.PostgresError, match=r"max_rate=0.001"):
        await _invoke(sql)


async def test_a_task_with_keys_puts_it_in_the_lane_where_python_would(store, sql):
    keyed = TaskPolicy(
        batch=BatchConfig(5, key="a.b"),
        limits=(ConcurrencyLimit(2, key="tenant"), ConcurrencyLimit(9)),
        rates=(RateLimit(5, 1, key="tenant", units="size"), RateLimit(5, 1, units="none")),
    )
    said = msgspec.json.encode(keyed).decode()
    await store.write(see_tasks, [("greet", "default", said, None)], 0)
    payload = '{"a": {"b": "grün"}, "tenant": 7, "size": 3.5, "none": "x"}'
    await _invoke(sql, payload=payload)
    (rows,) = await store.tables.fetch("select lane, cost from segment")
    ((lane, cost),) = rows
    ((expected, units),) = Laner(keyed).places([payload.encode()])
    assert lane == expected
    assert msgspec.json.decode(cost) == msgspec.json.decode(units)
    (((lanes, bits),),) = await store.tables.fetch(
        "select lanes, keyed & 64 from chunk_lane join batch on id = batch_id"
    )
    assert (msgspec.json.decode(lanes), bits) == ([[lane, cost, [0]]], 64)


async def test_a_key_that_sql_cannot_compute_is_an_error(store, sql):
    said = msgspec.json.encode(TaskPolicy(limits=(ConcurrencyLimit(2, key="(mod.f)"),))).decode()
    await store.write(see_tasks, [("greet", "default", said, None)], 0)
    with pytest.raises(asyncpg.FeatureNotSupportedError, match=r"a function, mod.f"):
        await _invoke(sql)
    said = msgspec.json.encode(TaskPolicy(limits=(ConcurrencyLimit(2, key="list"),))).decode()
    await store.write(see_tasks, [("greet", "default", said, None)], 0)
    with pytest.raises(asyncpg.FeatureNotSupportedError, match="no scalar"):
        await _invoke(sql, payload='{"list": [1]}')


async def test_it_has_the_rights_of_the_caller_and_finds_its_tables_whatever_they_named(store, sql):
    await sql.execute("create temp table batch (x int); create temp table segment (x int)")
    await sql.execute("set search_path = pg_temp, public")
    await _invoke(sql)
    assert len((await store.tables.fetch("select 1 from batch"))[0]) == 1
    await sql.execute("create role passer_by")
    try:
        await sql.execute("grant usage on schema stook to passer_by; set role passer_by")
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await _invoke(sql)
    finally:
        await sql.execute("reset role; drop owned by passer_by; drop role passer_by")


async def test_a_real_worker_returns_its_result(installed_postgres):
    app = App("greeter", store=installed_postgres)

    @app.task("hello")
    async def hello(name: str) -> str:
        return f"hello {name}"

    with app, app.working():
        connection = await asyncpg.connect(installed_postgres)
        raw = await _invoke(connection, "hello", '"Ann"', '{"delay": 0.2}')
        await connection.close()
        info = None
        for _ in range(1000):
            info = await app.get(str(uuid.UUID(bytes=raw)))
            if info.state == "succeeded":
                break
            await asyncio.sleep(0.02)
        assert info.result == "hello Ann"
