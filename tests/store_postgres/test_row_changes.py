"""Rows of the user's tables that change start executions, in the user's transaction."""

from __future__ import annotations

import asyncio
import time

import asyncpg
import msgspec
import pytest

from stook.core.errors import ConfigError, StoreUnavailable
from stook.core.when_text import parse
from stook.engine.maintenance import sweep_once
from stook.engine.row_triggers import TRIES, install_triggers, remove_triggers
from stook.store.script.project import change_project
from stook.store.script.row_watch import Watched
from stook.store.script.task_row import see_tasks
from stook.store.statement import Many
from tests.contract.batches import inputs, policy, take

WATCHED = Watched("public.orders", ("id", "status"))
TABLE = """
create table public.orders (id integer primary key, status text, total numeric, note json, secret text);
create table public."Odd name" (id integer);
create view public.seen as select * from public.orders
"""


@pytest.fixture
def user(store, installed_postgres, runner):
    """Their connection."""
    store.clock.now = time.time_ns() // 1000 + 60_000_000  # ahead of the server's: what is written there is due
    runner.run(store.write(see_tasks, [("t", "default", policy(), None)], 0))
    connection = runner.run(asyncpg.connect(installed_postgres, server_settings={"search_path": "public"}))
    runner.run(connection.execute(TABLE))
    yield connection
    runner.run(connection.close())


def _subscribed(*rows):
    yield Many("insert_subscription", rows)


async def subscribe(store, ops="insert,update,delete", *, task="t", project="default", fields=("id", "status"), **more):
    condition = parse(more["when"]).encode() if "when" in more else None
    row = (project, task, "row", more.get("number", 0), "public.orders", ops, condition)
    await store.write(_subscribed, (*row, msgspec.json.encode(fields).decode()))


async def payloads(store, task="t"):
    """Of the executions that are there once what is due is done."""
    await sweep_once(store.store)
    await store.audit()
    claimed = await take(store, tasks=(task,))
    return [msgspec.json.decode(item) for one in claimed.slices for item in inputs(one)]


async def test_each_change_starts_an_execution_with_both_sides_of_the_row(store, user):
    await subscribe(store)
    await install_triggers(store.store, [WATCHED])
    await user.execute("insert into orders values (1, 'new', 5, null, 'x')")
    await user.execute("update orders set status = 'paid'")
    await user.execute("delete from orders")
    new, paid = {"id": 1, "status": "new"}, {"id": 1, "status": "paid"}
    assert await payloads(store) == [
        {"old": None, "new": new, "tg_table": "orders", "tg_op": "INSERT"},
        {"old": new, "new": paid, "tg_table": "orders", "tg_op": "UPDATE"},
        {"old": paid, "new": None, "tg_table": "orders", "tg_op": "DELETE"},
    ]


async def test_an_event_says_which_row_of_which_table(store, user):
    await subscribe(store)
    await install_triggers(store.store, [WATCHED])
    await user.execute("insert into orders (id) values (1)")
    await sweep_once(store.store)
    claimed = await take(store)
    (extras,) = claimed.slices[0].extras.values()
    assert (extras.kind, extras.name) == ("row", "public.orders.insert")


async def test_a_rollback_leaves_nothing(store, user):
    await subscribe(store)
    await install_triggers(store.store, [WATCHED])
    transaction = user.transaction()
    await transaction.start()
    await user.execute("insert into orders (id) values (1)")
    await transaction.rollback()
    assert (await store.tables.fetch("select * from row_change"))[0] == []
    assert await payloads(store) == []


async def test_only_what_somebody_subscribes_to_is_written(store, user):
    await install_triggers(store.store, [WATCHED])
    await user.execute("insert into orders (id) values (1)")
    await subscribe(store, "delete")
    await user.execute("update orders set status = 'a'")
    assert (await store.tables.fetch("select * from row_change"))[0] == []
    await subscribe(store, "update", number=1, fields=["id"], when="NEW.status = 'b' AND total IS NULL")
    await user.execute("update orders set status = 'b', secret = 'hidden'")
    ((old, new),) = (await store.tables.fetch("select old::jsonb::text, new::jsonb::text from row_change"))[0]
    assert msgspec.json.decode(new) == {"id": 1, "status": "b", "total": None}
    assert msgspec.json.decode(old) == {"id": 1, "status": "a", "total": None}
    assert await payloads(store) == [
        {"old": {"id": 1}, "new": {"id": 1}, "tg_table": "orders", "tg_op": "UPDATE"},
    ]


async def test_conditions_decide(store, user):
    await subscribe(store, when="NEW.status != OLD.status")
    await subscribe(store, number=1, task="other", when="total > 100")
    await install_triggers(store.store, [WATCHED])
    await user.execute("insert into orders values (1, 'a', 50)")
    await user.execute("update orders set total = 150")
    await user.execute("update orders set status = 'b', total = 10")
    assert [one["tg_op"] for one in await payloads(store)] == ["UPDATE"]
    await store.write(see_tasks, [("other", "default", policy(), None)], 0)
    assert [one["new"]["id"] for one in await payloads(store, "other")] == [1]


async def test_values_arrive_as_they_are(store, user):
    await subscribe(store, fields=["note", "total"])
    await install_triggers(store.store, [WATCHED])
    await user.execute("""insert into orders values (1, null, 12345678901234567890.10, '{"a": "\\u0000\\\\u0000"}')""")
    ((found,),) = [inputs(one) for one in (await _taken(store)).slices]
    assert msgspec.json.decode(found)["new"]["note"] == {"a": "\ufffd\\u0000"}
    assert b'"total":12345678901234567890.10' in found


async def _taken(store):
    await sweep_once(store.store)
    return await take(store)


async def test_two_projects_each_get_what_they_want(store, user):
    await subscribe(store, fields=["id"])
    await subscribe(store, project="second", fields=["secret"])
    await install_triggers(store.store, [WATCHED])
    await user.execute("insert into orders (id, secret) values (1, 'x')")
    (rows,) = await store.tables.fetch("select project, new::jsonb::text from row_change order by project")
    assert [tuple(row) for row in rows] == [("default", '{"id": 1}'), ("second", '{"secret": "x"}')]
    await sweep_once(store.store)
    (rows,) = await store.tables.fetch("select project, total from batch order by project")
    assert [tuple(row) for row in rows] == [("default", 1), ("second", 1)]


async def test_what_a_quota_does_not_let_in_waits(store, user):
    await store.write(change_project, "default", {"max_queued_items": 2})
    await subscribe(store)
    await install_triggers(store.store, [WATCHED])
    await user.execute("insert into orders (id) select n from generate_series(1, 5) n")
    assert [one["new"]["id"] for one in await payloads(store)] == [1, 2]
    await store.write(change_project, "default", {"max_queued_items": None})
    assert await payloads(store) == []
    store.clock.advance(1)
    assert [one["new"]["id"] for one in await payloads(store)] == [3, 4, 5]


async def test_an_error_in_the_trigger_fails_the_write(store, user):
    await subscribe(store)
    await install_triggers(store.store, [WATCHED])
    await store.tables.connection.execute("alter table row_change rename to gone")
    try:
        with pytest.raises(asyncpg.UndefinedTableError):
            await user.execute("insert into orders (id) values (1)")
    finally:
        await store.tables.connection.execute("alter table gone rename to row_change")
    assert await user.fetch("select 1 from orders") == []


@pytest.mark.parametrize(
    ("source", "columns", "words"),
    [
        ("public.nothing", (), "no table public.nothing"),
        ("nowhere.orders", (), "no table nowhere.orders"),
        ("public.Orders", (), "no table public.Orders"),
        ("public.seen", ("id",), "it is a view"),
        ("public.orders", ("id", "statuss"), "no column 'statuss'"),
        ("public.orders", ("ctid",), "no column 'ctid'"),
    ],
    ids=["table", "schema", "case", "view", "column", "system"],
)
async def test_what_is_not_there_is_a_configuration_error(store, user, source, columns, words):
    with pytest.raises(ConfigError, match=words):
        await install_triggers(store.store, [Watched(source, columns)])


async def test_names_are_names_whatever_they_hold(store, user):
    odd = "a\"; drop table orders; --'"
    await user.execute("create table public." + '"' + odd.replace('"', '""') + '" (id integer)')
    await install_triggers(store.store, [Watched(f"public.{odd}", ("id",))])
    await install_triggers(store.store, [Watched("public.Odd name", ("id",))])
    assert await user.fetchval("select count(*) from orders") == 0
    assert await remove_triggers(store.store) == ["public.Odd name", f"public.{odd}"]


async def test_a_table_that_others_hold_is_asked_for_again(store, user, installed_postgres):
    holder = await asyncpg.connect(installed_postgres, server_settings={"search_path": "public"})
    transaction = holder.transaction()
    await transaction.start()
    await holder.execute("lock table orders in access share mode")
    await install_triggers(store.store, [WATCHED])  # who reads is in nobody's way
    await remove_locked(store, holder, transaction)
    await holder.close()


async def remove_locked(store, holder, transaction):
    waits = []

    async def release(seconds):
        waits.append(seconds)
        await transaction.rollback()

    assert await remove_triggers(store.store, pause=release) == ["public.orders"]
    assert len(waits) == 1


async def test_a_table_that_stays_locked_is_given_up(store, user, installed_postgres, monkeypatch):
    monkeypatch.setattr("stook.engine.row_triggers.TRIES", 2)
    transaction = user.transaction()
    await transaction.start()
    await user.execute("lock table orders in exclusive mode")
    with pytest.raises(StoreUnavailable, match=r"public\.orders is locked by others"):
        await install_triggers(store.store, [WATCHED], pause=lambda _: asyncio.sleep(0))
    await transaction.rollback()
    assert TRIES > 2


async def test_triggers_stay_until_they_are_removed(store, user):
    await subscribe(store)
    await install_triggers(store.store, [WATCHED, WATCHED])
    assert await remove_triggers(store.store) == ["public.orders"]
    assert await remove_triggers(store.store) == []
    await user.execute("insert into orders (id) values (1)")
    assert await payloads(store) == []


async def test_partitions_tell_as_their_table(store, user):
    await user.execute(
        "drop view public.seen; drop table public.orders;"
        "create table public.orders (id integer, status text) partition by range (id);"
        "create table public.orders_low partition of public.orders for values from (0) to (10)"
    )
    await subscribe(store)
    await install_triggers(store.store, [WATCHED])
    await user.execute("insert into orders values (1, 'a')")
    ((one,),) = [await payloads(store)]
    assert one["tg_table"] == "orders"
    assert await remove_triggers(store.store) == ["public.orders"]


async def test_maintenance_hears_of_it_at_once(store, user):
    await subscribe(store)
    await install_triggers(store.store, [WATCHED])
    await store.store.wait(("none",), 0.0)
    for number in range(50):  # listening begins at some time after the first wait
        mark = store.store.mark()
        await user.execute("insert into orders (id) values ($1)", number)
        if await store.store.wait(("errand",), 0.09, mark):
            break
    else:
        pytest.fail("nobody was woken")
