"""Coroutines on any event loop: the async twins, and what a blocking call on stook's own loop says."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import dataclass

import pytest

from stook.core.errors import ConfigError, DuplicateKeys, ResultTimeout


@dataclass
class Twice:
    value: int


@pytest.fixture
def double(app):
    @app.task
    async def double(number: int) -> Twice:
        return Twice(number * 2)

    return double


async def numbers(count):
    for number in range(count):
        await asyncio.sleep(0)
        yield number


def test_everything_has_an_async_twin(app_on_either):
    app = app_on_either

    @app.task(max_attempts=1)
    async def double(number: int) -> Twice:
        if number < 0:
            raise ValueError("negative")
        return Twice(number * 2)

    async def main():
        batch = await double.amap(numbers(100), name="twins")
        assert (await batch.wait(timeout=20)).counters.succeeded == 100
        assert [result.value async for result in batch.results()] == [Twice(number * 2) for number in range(100)]
        assert {result.index async for result in batch.as_completed()} == set(range(100))
        assert (await batch.result(index=7)).value == Twice(14)
        found = await app.abatch("twins")
        assert found.id == batch.id
        assert (await found.result(index=7)).value == Twice(14)

        execution = await double.asubmit(21)
        assert await execution.result(timeout=20) == Twice(42)
        assert (await execution.show()).attempts == 1
        assert not await execution.cancel()

        bad = await double.amap([-1, 1, -2])
        assert (await bad.wait(timeout=20)).state.value == "partially_failed"
        (group,) = await bad.failures()
        assert (group.failed, group.type) == (2, "ValueError")
        assert [result.index async for result in bad.failed_results()] == [0, 2]
        assert await bad.retry(indexes=[2]) == 1
        assert (await bad.wait(timeout=20)).counters.failed == 2
        assert await bad.why() == ["it has ended: partially_failed"]
        await app.alimit(task=double, paused=True)
        held = await double.amap([1])
        with pytest.raises(ResultTimeout, match=f"batch {held.id} is queued after 0.02 s"):
            await held.wait(timeout=0.02)
        await held.pause()
        await held.resume(ramp=False)
        await held.limit(3)
        assert (await held.show()).max_concurrency == 3
        assert await held.cancel_items([0]) == 1
        await held.cancel(reason="enough") if not (await held.show()).state.terminal else None
        await held.delete()
        assert repr(held) == f"<AsyncBatch {held.id}>"

    with app.working():
        asyncio.run(main())


def test_many_loops_and_threads_share_one_app(app, double):
    found = []

    def work(start):
        async def main():
            batch = await double.amap(range(start, start + 10))
            await batch.wait(timeout=20)
            found.append((start, [result.value.value async for result in batch.results()]))

        asyncio.run(main())

    with app.working():
        threads = [threading.Thread(target=work, args=(start,)) for start in (0, 100, 200)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert sorted(found) == [(start, [2 * (start + n) for n in range(10)]) for start in (0, 100, 200)]


def test_errors_of_items_reach_the_coroutine(app, double):
    async def main():
        with pytest.raises(DuplicateKeys):
            await double.amap([{"a": 1}, {"a": 1}], key="a")

        async def broken():
            yield 1
            raise KeyError("the source broke")

        with pytest.raises(KeyError, match="the source broke"):
            await double.amap(broken())

    asyncio.run(main())


BLOCKING = {
    "map": lambda app, task: task.map([1]),
    "map of a generator": lambda app, task: task.map(iter([1])),
    "map of an async iterable": lambda app, task: task.map(numbers(1)),
    "submit": lambda app, task: task.submit(1),
    "batch": lambda app, task: app.batch("x"),
    "limit": lambda app, task: app.limit(paused=True),
    "working": lambda app, task: app.working().__enter__(),
    "results": lambda app, task: list(app.kept.results()),
    "wait": lambda app, task: app.kept.wait(),
    "failures": lambda app, task: app.kept.failures,
    "close": lambda app, task: app.close(),
}


@pytest.mark.filterwarnings("error")
def test_a_blocking_call_on_stooks_own_loop_says_what_to_do(app, double):
    said = {}

    @app.task
    async def call(name: str) -> None:
        with pytest.raises(ConfigError) as caught:
            BLOCKING[name](app, double)
        said[name] = str(caught.value)

    app.kept = double.map([1])
    with app.working():
        assert call.map(list(BLOCKING)).wait(timeout=20).counters.succeeded == len(BLOCKING)
    close = said.pop("close")
    assert close == "an app cannot be closed by one of its own coroutines (close it outside)"
    (blocking,) = set(said.values())
    assert blocking.startswith(
        "a blocking call on stook's own event loop would wait for itself (use the async twin in "
    )


def test_handlers_submit_more_work(app, double):
    @app.task("coroutine")
    async def coroutine(number: int) -> list[int]:
        batch = await double.amap([number, number + 1])
        await batch.wait()
        return [result.value.value async for result in batch.results()]

    @app.task("thread")
    def thread(number: int) -> list[int]:
        batch = double.map([number, number + 1])
        batch.wait()
        return [result.value.value for result in batch.results()]

    with app.working():
        assert coroutine.submit(5).result(timeout=20) == [10, 12]
        assert thread.submit(7).result(timeout=20) == [14, 16]


def test_an_iteration_may_be_left_early(app, double):
    async def main():
        batch = await double.amap(range(2000))
        async for result in batch.results():
            if result.index == 3:
                break
        task = asyncio.ensure_future(anext(aiter(batch.as_completed())))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return batch.id

    found = asyncio.run(main())
    assert next(app.batch(found).results()).index == 0
    for result in app.batch(found).results():
        if result.index == 3:
            break
    assert app.batch(found).show().counters.total == 2000


@pytest.mark.filterwarnings("error")
def test_whoever_is_cancelled_while_it_waits_for_the_next_lets_go(app, double):
    """The generator on stook's loop is still in the middle of a wait when its iteration is given up."""

    async def main():
        batch = await double.amap([1])
        for _ in range(20):
            waiting = asyncio.ensure_future(consume(batch))
            for _ in range(5):
                await asyncio.sleep(0)
            waiting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waiting

    async def consume(batch):
        async for _ in batch.as_completed():
            pass

    asyncio.run(main())
