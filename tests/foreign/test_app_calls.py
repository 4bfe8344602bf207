"""`connection=` of the app's calls, on connections of every kind."""

from __future__ import annotations

import inspect

import pytest

from stook import App
from stook.core.errors import NotInstalled, OptionError, PayloadValidationError
from stook.core.states import State
from stook.core.triggers import Invocable, On
from tests.foreign.callers import POSTGRES
from tests.foreign.test_joining import _content

LATER = "0 0 1 1 *"


@pytest.fixture
def app(store, kind, place):
    """On the store's database, with a store of its own. A worker has told of its task."""
    url = place if kind in POSTGRES else f"sqlite:///{place}"
    app = App("shop", store=url, clock=store.clock)

    @app.task("greet", triggers=[Invocable(), On("hello")])
    async def greet(name: str) -> str:
        return name

    with app:
        with app.working(concurrency=1):
            pass
        yield app


async def _called(app, caller, name, *args, **options):
    place = app.sync if caller.blocking else app
    found = getattr(place, name)(*args, **options, connection=caller.given)
    return await found if inspect.isawaitable(found) else found


CALLS = {
    "invoke": [("invoke", "greet", "Ann")],
    "invoke_keyed": [("invoke", "greet", "Ann", {"dedupe_key": "k", "priority": 3})] * 2,
    "invoke_many": [("invoke_many", "greet", ["Ann", "Bob"])],
    "emit": [("emit", "hello", "Ann")],
    "schedule": [("schedule", "greet", "yearly", LATER, "Ann")],
    "unschedule": [("schedule", "greet", "yearly", LATER, "Ann"), ("unschedule", "greet", "yearly")],
}


@pytest.mark.parametrize("name", CALLS)
async def test_each_call_is_undone_by_a_rollback_and_done_by_a_commit(app, store, caller, name):
    before = await _content(store)
    await caller.begin()
    await _call_all(app, caller, CALLS[name])
    assert await _content(store) == before
    await caller.rollback()
    assert await _content(store) == before
    await caller.begin()
    await _call_all(app, caller, CALLS[name])
    await caller.commit()
    after = await _content(store)
    counts = {table: len(rows) - len(before[table]) for table, rows in after.items() if rows != before[table]}
    assert counts.get("schedule", 0) == (name == "schedule")
    assert counts.get("batch", 0) == (not name.endswith("schedule"))
    assert counts.get("emitted", 0) == (name == "emit")
    await store.audit()


async def _call_all(app, caller, calls):
    for name, *args in calls:
        options = args.pop() if isinstance(args[-1], dict) else {}
        await _called(app, caller, name, *args, **options)


async def test_a_cancel_belongs_to_the_transaction(app, store, caller):
    inv = await app.invoke("greet", "Ann")
    await caller.begin()
    assert await _called(app, caller, "cancel", inv.id)
    await caller.rollback()
    assert await _state(store) == State.queued
    await caller.begin()
    assert await _called(app, caller, "cancel", inv.id)
    await caller.commit()
    assert await _state(store) == State.cancelled
    await caller.begin()
    assert not await _called(app, caller, "cancel", inv.id)


async def _state(store):
    (((states,),),) = await store.tables.fetch("select states from state")
    return State(states[0])


async def test_what_is_wrong_is_said_before_any_statement(app, store, caller):
    await caller.begin()
    with pytest.raises(PayloadValidationError):
        await _called(app, caller, "invoke", "greet", 5)
    with pytest.raises(OptionError):
        await _called(app, caller, "invoke", "greet", "Ann", priority="high")
    assert await caller.execute("select 1") == 1


async def test_a_large_payload_leaves_no_trace_either(app, store, caller):
    before = await _content(store)
    await caller.begin()
    await _called(app, caller, "invoke", "greet", "x" * 200_000)
    await caller.rollback()
    assert await _content(store) == before
    await caller.begin()
    inv = await _called(app, caller, "invoke", "greet", "x" * 200_000)
    await caller.commit()
    with app.working():
        assert await inv.result(timeout=30) == "x" * 200_000


async def test_what_is_committed_runs(app, store, caller):
    await caller.begin()
    inv = await _called(app, caller, "invoke", "greet", "Ann")
    await caller.commit()
    with app.working():
        assert await inv.result(timeout=30) == "Ann"


async def test_an_app_that_was_closed_goes_on(app, store, caller):
    app.close()
    await caller.begin()
    await _called(app, caller, "invoke", "greet", "Ann")
    await caller.commit()
    assert len((await _content(store))["batch"]) == 1


@pytest.mark.parametrize("kind", [pytest.param(one, marks=pytest.mark.postgres) for one in POSTGRES], indirect=True)
async def test_a_database_without_stook_says_so(app, kind, store, caller):
    await store.tables.connection.execute("alter schema stook rename to other")
    try:
        await caller.begin()
        with pytest.raises(NotInstalled, match="has no schema stook"):
            await _called(app, caller, "emit", "hello", "Ann")
        assert await caller.execute("select 1") == 1
    finally:
        await caller.rollback()
        await store.tables.connection.execute("alter schema other rename to stook")
