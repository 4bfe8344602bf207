"""What long executions say is sent while they run, and nothing that goes wrong with it costs an outcome."""

from __future__ import annotations

import asyncio
import threading

import pytest

from stook.core.log import TAIL, LogLimits
from stook.core.policy import BatchConfig, TaskPolicy
from stook.worker.context import Context, SyncContext
from stook.worker.words import SyncBatchContext
from tests.worker.fake_source import FakeSource, unavailable
from tests.worker.running import run, soon, working
from tests.worker.test_captured_logs import ONCE, messages


@pytest.fixture
def at_once(monkeypatch):
    """Lines are worth storing as soon as they are there."""
    monkeypatch.setattr("stook.worker.logs.captured.FIRST_WAIT", 0.0)
    monkeypatch.setattr("stook.worker.runtime.TICK", 0.01)


def kept(source):
    return [part for one in source.kept for part in one.parts]


@pytest.mark.usefixtures("at_once")
@pytest.mark.parametrize("lines", [3, 20])
def test_what_a_long_execution_says_is_sent_while_it_runs(lines):
    async def main():
        go = asyncio.Event()

        async def says(item, ctx: Context):
            for number in range(lines):
                ctx.logger.info("line %d", number)
            await go.wait()
            ctx.logger.info("the end")

        async with working(says, policy=ONCE, logs=LogLimits(lines=10)) as (source, _):
            batch = source.submit([1], policy=ONCE)
            await source.until(lambda: kept(source))
            before = messages(source, batch)
            go.set()
            await source.ended(batch)
            return source, batch, before

    source, batch, before = run(main())
    assert before[:3] == ["line 0", "line 1", "line 2"]
    assert messages(source, batch)[-2 if lines > 10 else -1] == "the end"
    numbers = [line.line for line in source.said(batch) if line.source != "stook"]
    assert numbers == sorted(set(numbers))
    if lines > 10:
        assert before[-1] == "10 lines dropped"
        assert messages(source, batch)[-1] == "11 lines dropped"
        assert {part.part for part in kept(source)} == {0, TAIL}


@pytest.mark.usefixtures("at_once")
def test_an_outcome_brings_what_could_not_be_sent_before():
    async def main():
        source = FakeSource()
        go = asyncio.Event()
        source.keep_errors = [unavailable() for _ in range(1000)]

        async def says(item, ctx: Context):
            ctx.logger.info("first")
            await go.wait()

        async with working(says, source=source, policy=ONCE):
            batch = source.submit([1], policy=ONCE)
            await soon(lambda: len(source.keep_errors) < 999)
            go.set()
            await source.ended(batch)
            return messages(source, batch), kept(source)

    assert run(main()) == (["first"], [])


@pytest.mark.usefixtures("at_once")
def test_a_source_that_knows_no_logs_costs_no_outcome(caplog):
    async def main():
        source = FakeSource()
        go = asyncio.Event()
        source.keep_errors = [ValueError("404")]

        async def says(item, ctx: Context):
            ctx.logger.info("first")
            await go.wait()

        async with working(says, source=source, policy=ONCE) as (_, worker):
            batch = source.submit([1], policy=ONCE)
            await soon(lambda: not source.keep_errors)
            go.set()
            await source.ended(batch)
            assert worker.failure is None
            return messages(source, batch)

    assert run(main()) == ["first"]
    assert "logs are stored with outcomes alone" in caplog.text


@pytest.mark.usefixtures("at_once")
def test_lines_of_a_group_that_goes_on():
    async def main():
        go = threading.Event()

        def says(items: list[int], ctx: SyncBatchContext):
            ctx.logger.info("all")
            go.wait(10)

        policy = TaskPolicy(max_attempts=1, batch=BatchConfig(size=2, timeout=0.01))
        async with working(says, policy=policy) as (source, _):
            batch = source.submit([1, 2], policy=policy)
            await source.until(lambda: kept(source))
            found = [messages(source, batch, offset) for offset in range(2)]
            go.set()
            await source.ended(batch)
            return found

    assert run(main()) == [["all"], ["all"]]


def test_a_log_that_will_not_be_stored_costs_no_outcome(caplog):
    async def main():
        source = FakeSource()
        source.refuses = lambda settlement: bool(settlement.logs)

        async def says(item, ctx: Context):
            ctx.logger.info("poison")
            return item

        async with working(says, source=source, policy=ONCE):
            batch = source.submit([1, 2, 3], policy=ONCE)
            await source.ended(batch)
            return batch

    assert run(main()).values() == ["1", "2", "3"]
    assert "stored without what was logged" in caplog.text


def test_what_is_said_after_the_end_is_nobodys():
    late = threading.Event()
    said = threading.Event()

    def says(item, ctx: SyncContext):
        def afterwards():
            late.wait(10)
            ctx.logger.info("too late")
            said.set()

        threading.Thread(target=afterwards).start()
        ctx.logger.info("in time")

    async def main():
        async with working(says, policy=ONCE) as (source, _):
            batch = source.submit([1], policy=ONCE)
            await source.ended(batch)
            late.set()
            await asyncio.to_thread(said.wait, 10)
            return messages(source, batch)

    assert run(main()) == ["in time"]
