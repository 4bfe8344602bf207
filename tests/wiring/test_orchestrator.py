"""The workers of a process: from start to stop, again and again."""

from __future__ import annotations

import asyncio
import contextlib
import math
import threading
import time

import pytest

from stook import App, BatchConfig, RetryPolicy
from stook.core.errors import ConfigError, OptionError, SchemaTooNew, StoreError
from stook.engine.source import LocalSource
from stook.store.script.orchestrator_row import list_programs
from stook.store.script.worker_row import list_workers
from stook.wiring.orchestrator import OrchestratorInfo
from stook.worker.runtime import WorkerRuntime

LIMIT = 20


@pytest.fixture
def echo(app_on_either):
    return app_on_either.task("echo")(lambda item: item)


def rows(app, verb):
    session, portal = app.opened()
    return portal.call(session.store.read(verb))


async def within(awaitable):
    async with asyncio.timeout(LIMIT):
        return await awaitable


def test_it_works_from_start_to_stop(app_on_either, echo):
    app = app_on_either
    early = echo.submit(1)

    async def main():
        made = app.orchestrator()
        assert made.info.is_running is False
        await made.start()
        await within(made.started)
        late = await echo.asubmit(2)
        assert [await within(one.result()) for one in (late,)] == [2]
        info = made.info
        assert (info.is_running, info.is_stopped, info.worker_count, info.shutdown_signal) == (True, False, 1, None)
        await made.stop()
        await within(made.stopped)
        await made.stop()
        return made

    made = asyncio.run(main())
    assert early.result(LIMIT) == 1
    assert isinstance(made.info, OrchestratorInfo)
    assert (made.info.is_running, made.info.is_stopped, made.info.worker_count) == (False, True, 0)
    assert list(rows(app, list_workers)) == []
    assert list(rows(app, list_programs)) == []


def test_while_it_runs_it_cannot_be_started_after_a_stop_it_can(app):
    app.task("any")(lambda: None)
    made = app.orchestrator().sync
    made.start()
    with pytest.raises(ConfigError, match="is running"):
        made.start()
    before = made.stopped
    made.stop()
    made.start()
    assert before.happened
    assert not made.stopped.happened
    made.stop()
    assert made.stopped.wait(LIMIT)


def test_a_start_that_fails_leaves_nothing_and_may_be_tried_again(app, monkeypatch):
    app.task("any")(lambda: None)
    made = app.orchestrator()
    with monkeypatch.context() as trouble:

        async def start(_):
            raise StoreError("no start today")

        trouble.setattr(WorkerRuntime, "start", start)
        with pytest.raises(StoreError, match="no start today"):
            made.sync.start()
    assert list(rows(app, list_workers)) == []
    assert not made.info.is_running
    made.sync.start()
    made.sync.stop()


def test_a_worker_claims_only_tasks_of_its_queue(app_on_either):
    app, ran = app_on_either, []
    here = app.task("here", queue="here")(ran.append)
    there = app.task("there", queue="there")(ran.append)
    here.submit(1)
    there.submit(2)
    assert app.orchestrator(workers=[app.worker("here")]).sync.drain()
    assert ran == [1]
    assert app.orchestrator().sync.drain()
    assert ran == [1, 2]


def test_a_drain_goes_on_until_no_queue_has_anything(app_on_either):
    """Work that a handler makes for another queue included."""
    app, ran = app_on_either, []

    @app.task("first", queue="one")
    def first(left):
        ran.append(left)
        if left:
            second.submit(left - 1)

    @app.task("second", queue="two")
    async def second(left):
        ran.append(left)
        if left:
            await first.asubmit(left - 1)

    first.submit(9)
    assert app.orchestrator().sync.drain()
    assert ran == list(range(9, -1, -1))


def test_a_drain_leaves_what_is_due_later_and_closes_forming_groups(app):
    groups = []

    @app.task("grouped", batch=BatchConfig(size=10, timeout=1000))
    def grouped(items):
        groups.append(items)

    grouped.map([1, 2])
    grouped.map([3], delay=10_000)
    made = app.orchestrator()
    assert made.sync.drain()
    assert groups == [[1, 2]]
    assert made.info.is_stopped


def test_a_fixpoint_waits_for_retries(app):
    tries = []

    @app.task("flaky", max_attempts=3, retry=RetryPolicy(backoff="fixed", base=0.02))
    def flaky(item):
        tries.append(item)
        if len(tries) < 3:
            raise ValueError("again")

    flaky.submit(7)
    assert app.orchestrator().sync.drain("fixpoint", timeout=LIMIT)
    assert tries == [7, 7, 7]


def test_a_drain_that_takes_too_long_says_so_and_has_stopped(app):
    gate = threading.Event()

    @app.task("waits")
    async def waits(ctx):
        await ctx.signal.wait()
        gate.set()

    waits.submit()
    made = app.orchestrator()
    assert made.sync.drain(timeout=0.05) is False
    assert gate.is_set()
    assert made.info.is_stopped
    with pytest.raises(OptionError, match="until='soon'"):
        made.sync.drain("soon")


def test_stopping_lets_what_runs_come_to_its_end(app_on_either):
    app, begun, go_on = app_on_either, threading.Event(), threading.Event()

    @app.task("slow")
    def slow():
        begun.set()
        assert go_on.wait(LIMIT)
        return "done"

    execution = slow.submit()
    made = app.orchestrator()
    made.sync.start()
    assert begun.wait(LIMIT)
    stopping = threading.Thread(target=made.sync.stop)
    stopping.start()
    while not made.info.is_shutting_down:
        pass
    go_on.set()
    stopping.join()
    assert execution.result(LIMIT) == "done"


# -------------------------------------------------------------------------------------------- what options change


def claims_of(app, monkeypatch, **options):
    asked = []
    real = LocalSource.claim

    async def claim(self, one):
        asked.append(one)
        return await real(self, one)

    monkeypatch.setattr(LocalSource, "claim", claim)
    assert app.orchestrator(workers=[app.worker(**options)]).sync.drain()
    return asked


def test_fetch_size_is_what_a_claim_asks_for_at_most(app, monkeypatch):
    app.task("many")(lambda item: item).map(range(500))
    asked = claims_of(app, monkeypatch, concurrency=3, fetch_size=7)
    assert max(one.items for one in asked) == 7
    asked = claims_of(app, monkeypatch, concurrency=9, fetch_size=7)
    assert max(one.items for one in asked) == 9, "free slots are filled at once"


def test_a_group_is_claimed_whole_whatever_the_fetch_size(app, monkeypatch):
    groups = []
    app.task("grouped", batch=BatchConfig(size=30))(groups.append).map(range(60))
    claims_of(app, monkeypatch, concurrency=1, fetch_size=2)
    assert [len(one) for one in groups] == [30, 30]


def test_flush_size_is_how_many_outcomes_wait_at_most(app, monkeypatch):
    """Nothing else writes them here: neither a timer nor a slot that is free."""
    monkeypatch.setattr("stook.wiring.crew.SOON", 3600)
    gate = threading.Event()

    @app.task("one")
    async def one(item):
        while item == 0 and not gate.is_set():
            await asyncio.sleep(0.001)
        return item

    batch = one.map(range(9))
    worker = app.worker(concurrency=2, fetch_size=2, flush_size=4, flush_interval=3600)
    made = app.orchestrator(workers=[worker]).sync
    made.start()
    try:
        until = time.monotonic() + LIMIT
        while batch.show().counters.succeeded < 4:
            assert time.monotonic() < until, "nothing is written"
    finally:
        gate.set()
        made.stop()


def test_flush_interval_is_how_long_an_outcome_waits_at_most(app, monkeypatch):
    monkeypatch.setattr("stook.wiring.crew.SOON", 3600)
    gate = threading.Event()

    @app.task("one")
    async def one(item):
        while item == 0 and not gate.is_set():
            await asyncio.sleep(0.001)
        return item

    batch = one.map(range(2))
    made = app.orchestrator(workers=[app.worker(concurrency=2, flush_interval=0.01)]).sync
    made.start()
    try:
        until = time.monotonic() + LIMIT
        while batch.show().counters.succeeded < 1:
            assert time.monotonic() < until, "nothing is written"
    finally:
        gate.set()
        made.stop()


def test_lease_and_name_are_the_workers(app_on_either):
    app, seen = app_on_either, []

    @app.task("looks")
    async def looks():
        session, _ = app.opened()
        seen.append([row[0] for row in await session.store.read(list_workers)])

    looks.submit()
    assert app.orchestrator(workers=[app.worker(name="anna", lease=7)]).sync.drain()
    assert seen == [["anna"]]


def test_the_poll_interval_and_the_sweep_limit_are_the_maintenances_too(app):
    app.task("any")(lambda: None)
    session, _ = app.opened()
    made = app.orchestrator(workers=[app.worker(poll_interval=0.25, sweep_limit=3)])
    made.sync.start()
    assert (session.maintenance.longest, session.maintenance.sweep_limit) == (0.25, 3)
    made.sync.stop()
    assert (session.maintenance.longest, session.maintenance.sweep_limit) == (1.0, None)


# ------------------------------------------------------------------------------------------------- custom context


def test_a_factorys_context_lives_from_start_to_stop(where):
    happened = []

    @contextlib.asynccontextmanager
    async def context():
        happened.append("in")
        yield {"db": "there"}
        happened.append("out")

    with App("test", store=where, context=context) as app:

        @app.task("looks")
        async def looks(ctx):
            happened.append((ctx.db, dict(ctx.custom)))

        @app.task("also")
        def also(ctx):
            happened.append(ctx.db)

        looks.submit()
        also.submit()
        made = app.orchestrator()
        made.sync.drain()
        assert happened[0] == "in"
        assert happened[-1] == "out"
        assert sorted(map(str, happened[1:-1])) == ["('there', {'db': 'there'})", "there"]
        with app.working():
            assert happened[-1] == "in"
        assert happened[-1] == "out"


@pytest.mark.parametrize("context", [lambda: {"db": 1}, {"signal": 1}], ids=["no manager", "hides ctx.signal"])
def test_a_context_that_cannot_be_is_refused_at_the_start(where, context):
    with App("test", store=where, context=context) as app:
        app.task("any")(lambda: None)
        with pytest.raises(ConfigError, match="context"):
            app.orchestrator().sync.start()


# ----------------------------------------------------------------------------------- making way for a newer program


@pytest.mark.parametrize("signs", [1, 4])
def test_asked_to_make_way_it_stops_gracefully(app, monkeypatch, signs):
    """At one of its first signs of life, by then it may not even work, or later."""
    left = iter(range(signs))

    def told(_program):
        """As `see_program` answers when a newer program waits."""
        return None if next(left, None) not in (None, signs - 1) else "a newer stook has asked"
        yield

    monkeypatch.setattr("stook.wiring.presence.HEARTBEAT", 0.01)
    monkeypatch.setattr("stook.wiring.presence.see_program", told)
    app.task("any")(lambda: None)
    made = app.orchestrator()

    async def main():
        with pytest.raises(SchemaTooNew, match="newer"):
            await within(made.run())

    asyncio.run(main())
    assert made.info.is_stopped
    assert isinstance(made.failure, SchemaTooNew)


@pytest.mark.parametrize("seconds", ["x", -1, math.nan])
def test_times_that_cannot_be_are_refused_before_anything_starts(app, seconds):
    app.task("t")(lambda: None)
    orchestrator = app.orchestrator()
    with pytest.raises(OptionError, match="timeout="):
        orchestrator.sync.drain(timeout=seconds)
    with pytest.raises(OptionError, match="grace="):
        orchestrator.sync.stop(seconds)
    assert not orchestrator.info.is_stopped
